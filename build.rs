//! Compiles `proto/` into Rust without `protoc`: protox parses the files, prost and tonic generate the code.

use std::{env, error::Error, fs, path::PathBuf};

use prost::Message;

const PROTOS: &[&str] = &[
    "conclave/v1/command.proto",
    "conclave/v1/peer.proto",
    "conclave/v1/node.proto",
    "conclave/v1/status.proto",
    "conclave/v1/admin.proto",
    "etcd/mvccpb.proto",
    "etcd/etcdserverpb.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=proto");
    let descriptors = protox::compile(PROTOS, ["proto"])?;
    let descriptor_path = PathBuf::from(env::var("OUT_DIR")?).join("descriptors.bin");
    fs::write(&descriptor_path, descriptors.encode_to_vec())?;
    tonic_build::configure()
        .file_descriptor_set_path(&descriptor_path)
        .skip_protoc_run()
        // Its own lines name files relative to the wrong root: cargo would find them missing and rebuild every time.
        .emit_rerun_if_changed(false)
        .bytes(["."])
        .compile_protos(PROTOS, &["proto"])?;
    Ok(())
}
