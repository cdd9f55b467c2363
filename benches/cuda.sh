#!/usr/bin/env bash
# Proves and measures CUDA on a machine that has it; takes about three minutes once it is built:
#
#     benches/cuda.sh /path/to/libonnxruntime.so.1.31.1
#
# The library is that of the package onnxruntime-gpu (onnxruntime/capi/ in it), with CUDA 12 or 13 and cuDNN 9 where the system's
# loader finds them. Nothing is downloaded but crates. The exit code says whether the GPU was there and took the models.
set -euo pipefail
cd "$(dirname "$0")/.."
library=${1:?usage: benches/cuda.sh LIBRARY, the libonnxruntime.so of onnxruntime-gpu}
[ -f "$library" ] || { echo "benches/cuda.sh: there is no file $library" >&2; exit 1; }
nvidia-smi --query-gpu=name,driver_version --format=csv,noheader || echo "benches/cuda.sh: nvidia-smi does not answer" >&2
ORT_DYLIB_PATH=$(realpath "$library") exec cargo run --quiet --locked --release --package mlcore-benches -- cuda
