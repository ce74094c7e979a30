//! wip
mod always;
mod bounds;
mod check;
mod consensus;
mod disk;
mod hashed;
mod letters;
mod node;
mod sometimes;
mod state;
mod steps;
mod twins;

/// States are small and many: most of the time would go into the system's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
