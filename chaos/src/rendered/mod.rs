//! What cloud-init writes is what runs: boots the files that `deploy/aws/render.sh` renders, each on a machine of its own,
//! and sees them serve.
//!
//! Of an instance everything is as its file says but for what only AWS has: the parameter store is a folder, the data
//! volume is a file system in memory, the load balancer is a packet filter that forwards, and the units' programs are
//! started without systemd (as the units' user, with their `ExecStart`, and waited for as `Type=notify` says).
//!
//! | file | idea |
//! | --- | --- |
//! | `cloud_config.rs` | a cloud-init file: what it writes, and the settings in it |
//! | `instance.rs` | a machine with a root file system of its own |
//! | `site.rs` | all of them: certificates, names, the load balancer |
//! | `proof.rs` | what must be seen of them |

mod cloud_config;
mod instance;
mod proof;
mod site;

pub(crate) use proof::prove;
