//! Makes the Rust code of the protocols of gRPC from their descriptions, without protoc: the messages for `mlcore-serve`, the
//! clients for its tests. Run from the root of the repository, as `cargo xtask protocols` does.

use std::error::Error;
use std::fs;
use std::path::Path;

const PROTOCOLS: [&str; 2] = ["inference", "health"];
const MESSAGES: &str = "mlcore-serve/src/grpc/protocol";
const CLIENTS: &str = "mlcore-serve/tests/grpc/protocol";

fn main() -> Result<(), Box<dyn Error>> {
    for name in PROTOCOLS {
        let proto = format!("{MESSAGES}/{name}.proto");
        let description = protox::compile([&proto], [MESSAGES])?;
        let package = description.file.first().map(|file| file.package().to_owned()).unwrap_or_default();
        let made = std::env::temp_dir().join(format!("mlcore-protocols-{}-{name}", std::process::id()));
        fs::create_dir_all(&made)?;
        let mut messages = prost_build::Config::new();
        messages.out_dir(&made).btree_map(["."]).bytes(["."]);
        messages.compile_fds(description.clone())?;
        put(&made.join(format!("{package}.rs")), &format!("{MESSAGES}/{name}.rs"), &proto)?;
        tonic_prost_build::configure()
            .out_dir(&made)
            .build_server(false)
            .build_transport(false)
            .extern_path(format!(".{package}"), format!("crate::protocol::{name}"))
            .compile_fds(description)?;
        put(&made.join(format!("{package}.rs")), &format!("{CLIENTS}/{name}_client.rs"), &proto)?;
        fs::remove_dir_all(made)?;
    }
    Ok(())
}

/// Puts a file that was made into its place, with the description that it was made of named in it.
fn put(made: &Path, place: &str, proto: &str) -> Result<(), Box<dyn Error>> {
    let source = fs::read(proto)?;
    let name = Path::new(proto).file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    let made = fs::read_to_string(made)?;
    // The tests look whether it was made of the description that is there.
    let head = format!(
        "// Made by `cargo xtask protocols` of {name}, CRC-32 {:08x}; not edited by hand.\n",
        crc32(&source)
    );
    fs::write(place, head + &made)?;
    Ok(())
}

/// The sum of zip and gzip, which everybody's tools know.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |sum, byte| {
        (0..8).fold(
            sum ^ u32::from(*byte),
            |sum, _| if sum & 1 == 1 { sum >> 1 ^ 0xedb8_8320 } else { sum >> 1 },
        )
    })
}
