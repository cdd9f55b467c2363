//! Damaged files: every model of the fixtures, cut, flipped, doubled and spliced at random. Each must give an error or a
//! model, and never a panic, a crash or a hang.

use std::fs;
use std::time::{Duration, Instant};

use mlcore::runner::ort::{Limits, OnnxOptions, OnnxRunner, inspect};
use mlcore::stats::SplitMix64;

use crate::fixtures::path;

fn models() -> Vec<(String, Vec<u8>)> {
    let mut models: Vec<_> = fs::read_dir(path(""))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "onnx"))
        .map(|path| (path.file_stem().unwrap().to_string_lossy().into_owned(), fs::read(path).unwrap()))
        .collect();
    models.sort();
    assert!(models.len() >= 20);
    models
}

fn damaged(model: &[u8], random: &mut SplitMix64) -> Vec<u8> {
    let mut bytes = model.to_vec();
    for _ in 0..=random.below(3) {
        let (at, length) = (random.below(bytes.len()), 1 + random.below(16));
        match random.below(6) {
            0 => bytes.truncate(at),
            1 => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << random.below(8);
                }
            }
            2 => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = [0, 1, 0x7f, 0x80, 0xff][random.below(5)];
                }
            }
            3 => drop(bytes.drain(at..(at + length).min(bytes.len()))),
            4 => {
                let again = bytes[at..(at + length).min(bytes.len())].to_vec();
                let to = random.below(bytes.len());
                bytes.splice(to..to, again);
            }
            _ => {
                let noise: Vec<u8> = (0..length).map(|_| random.below(256) as u8).collect();
                bytes.splice(at..at, noise);
            }
        }
        if bytes.is_empty() {
            break;
        }
    }
    bytes
}

#[test]
fn a_damaged_file_is_read_or_refused() {
    let mut random = SplitMix64::new(1);
    let (mut read, mut refused) = (0, 0);
    for (name, model) in models() {
        for _ in 0..400 {
            let bytes = damaged(&model, &mut random);
            let begin = Instant::now();
            match inspect(&bytes, &Limits::default()) {
                Ok(_) => read += 1,
                Err(error) => {
                    refused += 1;
                    assert!(error.is_caller_fault(), "{name}: {}: {error}", error.kind());
                }
            }
            assert!(begin.elapsed() < Duration::from_secs(5), "{name}: {:?}", begin.elapsed());
        }
    }
    assert!(read > 500 && refused > 500, "{read} read, {refused} refused");
}

#[test]
fn a_damaged_file_is_loaded_or_refused() {
    let options = OnnxOptions::default().with_warm_up(0).with_load_timeout(Duration::from_secs(20));
    let mut random = SplitMix64::new(2);
    let (mut loaded, mut refused) = (0, 0);
    for (_, model) in models() {
        for _ in 0..25 {
            match OnnxRunner::from_bytes_with(&damaged(&model, &mut random), &options) {
                Ok(_) => loaded += 1,
                Err(_) => refused += 1,
            }
        }
    }
    assert!(loaded > 3 && refused > 100, "{loaded} loaded, {refused} refused");
}
