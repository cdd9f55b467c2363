//! Fetching the pinned ONNX Runtime: the wheel from PyPI by pip, its digest checked, its library unpacked into the cache.

use std::env::consts::{ARCH, OS};
use std::path::{Path, PathBuf};

use crate::process::{self, Failure, Result};
use crate::project;
use crate::python::{self, Python};

/// The version that models are tested with; mlcore itself loads 1.23 and newer.
const VERSION: &str = "1.31.1";

/// One published wheel. The library inside does not depend on the wheel's Python, so one tag serves every interpreter.
struct Wheel {
    os: &'static str,
    arch: &'static str,
    platform: &'static str,
    library: &'static str,
    sha256: &'static str,
}

/// Published on 2026-10-23 for CPython 3.12; there is none for macOS on Intel or for musl.
const WHEELS: [Wheel; 5] = [
    Wheel {
        os: "linux",
        arch: "x86_64",
        platform: "manylinux_2_28_x86_64",
        library: "libonnxruntime.so.1.31.1",
        sha256: "1f3dea47f2f0e5117c2404cea7d21fd253ae7836a3bf167a501cdfbb2600d536",
    },
    Wheel {
        os: "linux",
        arch: "aarch64",
        platform: "manylinux_2_28_aarch64",
        library: "libonnxruntime.so.1.31.1",
        sha256: "0b9a492176886992e0e875f06bc0367e333f5fff11711a2d642e18b02f3009cc",
    },
    Wheel {
        os: "macos",
        arch: "aarch64",
        platform: "macosx_14_0_arm64",
        library: "libonnxruntime.1.31.1.dylib",
        sha256: "96dd2564b10ea7153ad9c207e7cd8e5917cb3ba521e0e0a62ac03486fdc8d56c",
    },
    Wheel {
        os: "windows",
        arch: "x86_64",
        platform: "win_amd64",
        library: "onnxruntime.dll",
        sha256: "ae8a9a351efda685cc59a66226cdefaa37a126c1d66872ca23a2de9425326130",
    },
    Wheel {
        os: "windows",
        arch: "aarch64",
        platform: "win_arm64",
        library: "onnxruntime.dll",
        sha256: "fe8b9ac1ae8e894e12c47ee82e4f6dfc1835768133687257866469fda80d0bf1",
    },
];

/// Makes sure that the library is in mlcore's cache folder; `interpreter` names one with pip, when one is needed.
pub(crate) fn ensure(interpreter: impl FnOnce() -> Result<Python>) -> Result<()> {
    let wheel = pinned()?;
    let folder = project::cache()?.join("onnxruntime").join(VERSION);
    let library = folder.join(wheel.library);
    // The rename that brings it is atomic: where the library is, it is whole.
    if library.is_file() {
        println!("ONNX Runtime {VERSION}: {} (already there)", library.display());
        return Ok(());
    }
    let python = interpreter()?;
    let downloads = project::target().join(format!("onnxruntime-{}", std::process::id()));
    let unpacked =
        download(&python, &wheel, &downloads).and_then(|file| unpack(&python, &wheel, &file, &folder));
    python::remove(&downloads)?;
    unpacked?;
    println!("ONNX Runtime {VERSION}: {} (SHA-256 of its wheel checked)", library.display());
    Ok(())
}

fn pinned() -> Result<Wheel> {
    let here = |wheel: &Wheel| wheel.os == OS && wheel.arch == ARCH && !cfg!(target_env = "musl");
    WHEELS.into_iter().find(here).ok_or_else(|| {
        Failure::new(format!(
            "PyPI has no ONNX Runtime {VERSION} for {OS} on {ARCH}; build or install ONNX Runtime 1.23 or newer, set \
             ORT_DYLIB_PATH to its library and run cargo directly, as CONTRIBUTING.md says"
        ))
    })
}

fn download(python: &Python, wheel: &Wheel, downloads: &Path) -> Result<PathBuf> {
    let requirement = format!("onnxruntime=={VERSION}");
    let destination = downloads.to_string_lossy();
    let only = ["--only-binary", ":all:", "--platform", wheel.platform];
    let tag = ["--implementation", "cp", "--python-version", "3.12", "--abi", "cp312"];
    let mut pip = python.pip(&["download", "--quiet", "--no-deps", "--dest", &destination]);
    pip.args(only).args(tag).arg(&requirement);
    if !process::succeeds(&mut pip)? {
        return Err(Failure::new(format!(
            "pip could not download {requirement}; check the network and pip's configuration (`pip config list`), or set \
             ORT_DYLIB_PATH to an ONNX Runtime 1.23 or newer and run cargo directly"
        )));
    }
    python::wheel_in(downloads).ok_or_else(|| {
        Failure::new(format!(
            "pip left no wheel in {destination}; check pip's configuration (`pip config list`)"
        ))
    })
}

fn unpack(python: &Python, wheel: &Wheel, file: &Path, folder: &Path) -> Result<()> {
    let library = format!("onnxruntime/capi/{}", wheel.library);
    let mut script = python.command(&["-c", include_str!("unpack_wheel.py")]);
    script.arg(file).arg(wheel.sha256).arg(folder);
    script.args(["onnxruntime/LICENSE", "onnxruntime/ThirdPartyNotices.txt", &library]);
    match process::complaint(&mut script)? {
        None => Ok(()),
        Some(problem) => Err(Failure::new(format!(
            "ONNX Runtime {VERSION} was not put into {}: {problem}",
            folder.display()
        ))),
    }
}
