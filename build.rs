//! Compiles `proto/` into Rust without `protoc`: protox parses the files, prost and tonic generate the code.

use std::{collections::BTreeSet, env, error::Error, fs, path::PathBuf};

use prost::Message;

const PROTOS: &[&str] = &[
    "conclave/v1/command.proto",
    "conclave/v1/peer.proto",
    "conclave/v1/node.proto",
    "conclave/v1/status.proto",
    "conclave/v1/admin.proto",
    "etcd/mvccpb.proto",
    "etcd/etcdserverpb.proto",
    "grpc/health/v1/health.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=proto");
    let descriptors = protox::compile(PROTOS, ["proto"])?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let descriptor_path = out.join("descriptors.bin");
    fs::write(&descriptor_path, descriptors.encode_to_vec())?;
    let methods = descriptors.file.iter().flat_map(|file| &file.service).flat_map(|service| &service.method);
    let messages = methods.flat_map(|method| [method.input_type(), method.output_type()]).collect();
    fs::write(out.join("encoded_len.rs"), encoded_len(messages))?;
    tonic_build::configure()
        .file_descriptor_set_path(&descriptor_path)
        .skip_protoc_run()
        // Its own lines name files relative to the wrong root: cargo would find them missing and rebuild every time.
        .emit_rerun_if_changed(false)
        .bytes(["."])
        .compile_protos(PROTOS, &["proto"])?;
    Ok(())
}

/// A function that measures any message of a service: in simulation they cross as objects whose type is not known.
fn encoded_len(messages: BTreeSet<&str>) -> String {
    let cases = messages.into_iter().map(|name| {
        let path = name.trim_start_matches('.').replace("conclave.v1", "v1").replace("grpc.health.v1", "health");
        let path = path.replace('.', "::");
        format!("if let Some(message) = message.downcast_ref::<{path}>() {{ return Some(message.encoded_len()); }}\n")
    });
    let body: String = cases.collect();
    format!(
        "pub fn encoded_len(message: &dyn std::any::Any) -> Option<usize> {{\n\
         use prost::Message;\n{body}None\n}}\n"
    )
}
