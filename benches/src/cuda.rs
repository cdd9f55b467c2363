//! A model on a GPU beside the same model on the CPU: whether it is there, whether it answers the same, and how fast.

use std::env;
use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use mlcore::batch::{Batch, Tensor};
use mlcore::runner::ort::{Fallback, OnnxOptions, OnnxRunner, OnnxRuntime, Provider};
use mlcore::runner::{RunOptions, Runner};
use mlcore::stats::SplitMix64;

use crate::Result;
use crate::serving::{FEATURES, model_file};
use crate::table::{Table, verdict};
use crate::timing::{percentile, show};

const BATCHES: [usize; 3] = [1, 64, 1024];
/// How long each line is measured, on each device.
const SECONDS: Duration = Duration::from_secs(5);
/// What the answers may differ by, of 1 or of their size where that is more.
const TOLERANCE: f64 = 1e-5;
/// The layers of the larger model, each of so many rows and columns: 67 MB of weights.
const LAYERS: [usize; 6] = [FEATURES, 2048, 2048, 2048, 2048, 2];

/// Proves and measures a GPU: the first, or that of `MLCORE_CUDA_DEVICE`. `ORT_DYLIB_PATH` names an ONNX Runtime that has CUDA.
pub(crate) fn run(folder: &Path) -> Result<()> {
    let device = env::var("MLCORE_CUDA_DEVICE").ok().map_or(Ok(0), |text| text.parse())?;
    let runtime = OnnxRuntime::load()?;
    let library = runtime.library().display().to_string();
    let large = folder.join("dense.onnx");
    fs::write(&large, dense(&LAYERS))?;
    let columns = [
        "model, rows a request",
        "GPU: requests/s",
        "p50",
        "p99",
        "GPU busy",
        "CPU: requests/s",
        "p50",
        "p99",
        "largest difference",
        "goal",
        "reached",
    ];
    let mut table = Table::new(format!("CUDA: device {device}, one thread that asks"), &columns);
    // The classifier picks its label with an operator that only the CPU implements; nothing of the other may run there.
    let models =
        [("mlp30", model_file("mlp30"), Fallback::Nodes), ("dense, 67 MB", large, Fallback::Forbidden)];
    for (name, file, fallback) in models {
        let options = OnnxOptions::default().with_providers([Provider::Cuda { device }]);
        let gpu = OnnxRunner::from_file_with(&file, &options.with_fallback(fallback))?;
        let nodes = gpu.placement().iter().map(|(provider, nodes)| format!("{nodes} on {provider}"));
        let placed = nodes.collect::<Vec<_>>().join(", ");
        table.note(format!("{name}, fallback {fallback}: the nodes are {placed}"));
        let cpu = OnnxRunner::from_file(&file)?;
        for rows in BATCHES {
            let mut random = SplitMix64::new(rows as u64);
            let values = (0..rows * FEATURES).map(|_| random.normal() as f32).collect();
            let input = Batch::single("input", Tensor::new([rows, FEATURES], values)?);
            let difference = difference(&gpu, &cpu, &input)?;
            let watch = Utilisation::start(device)?;
            let on_gpu = Measured::of(&gpu, &input)?;
            let busy = watch.stop()?;
            let on_cpu = Measured::of(&cpu, &input)?;
            let mut line = vec![format!("{name}, {rows}")];
            line.extend(on_gpu.cells());
            line.push(busy.map_or("-".to_owned(), |percent| format!("{percent:.0} %")));
            line.extend(on_cpu.cells());
            line.push(format!("{difference:.0e}"));
            line.extend([format!("<= {TOLERANCE:.0e}"), verdict(Some(difference <= TOLERANCE)).to_owned()]);
            table.line(line);
        }
    }
    table.note(format!(
        "ONNX Runtime {} in {library}: {}",
        runtime.version(),
        runtime.providers().join(", ")
    ));
    table.note(gpu_name(device).unwrap_or_else(|| "nvidia-smi does not say which GPU this is".to_owned()));
    crate::print(&table);
    Ok(())
}

/// What runs took.
struct Measured {
    rate: f64,
    p50: f64,
    p99: f64,
}

impl Measured {
    fn of(runner: &OnnxRunner, input: &Batch) -> Result<Self> {
        for _ in 0..20 {
            runner.run(input, &RunOptions::default())?;
        }
        let (start, mut seconds) = (Instant::now(), Vec::new());
        while start.elapsed() < SECONDS {
            let start = Instant::now();
            runner.run(input, &RunOptions::default())?;
            seconds.push(start.elapsed().as_secs_f64());
        }
        let rate = seconds.len() as f64 / start.elapsed().as_secs_f64();
        Ok(Self { rate, p50: percentile(&mut seconds, 0.5), p99: percentile(&mut seconds, 0.99) })
    }

    fn cells(&self) -> [String; 3] {
        [format!("{:.0}", self.rate), show(self.p50), show(self.p99)]
    }
}

/// The largest difference between two models' answers, of 1 or of their size where that is more.
fn difference(one: &OnnxRunner, other: &OnnxRunner, input: &Batch) -> Result<f64> {
    let (one, other) = (one.run(input, &RunOptions::default())?, other.run(input, &RunOptions::default())?);
    let mut largest = 0.0_f64;
    for (name, tensor) in one.iter() {
        let (one, other) = (tensor.to_f64()?, other.tensor(name)?.to_f64()?);
        if one.len() != other.len() {
            return Err(format!(
                "{name} has {} elements on one device and {} on the other",
                one.len(),
                other.len()
            )
            .into());
        }
        for (one, other) in one.iter().zip(&other) {
            let difference = (one - other).abs() / other.abs().max(1.0);
            // A NaN is a difference as large as any.
            largest = if difference.is_nan() { f64::INFINITY } else { largest.max(difference) };
        }
    }
    Ok(largest)
}

/// Reads how busy a GPU is, five times a second, while it runs.
struct Utilisation(Option<Child>);

impl Utilisation {
    fn start(device: u32) -> Result<Self> {
        let mut smi = Command::new("nvidia-smi");
        smi.args(["--query-gpu=utilization.gpu", "--format=csv,noheader,nounits", "-lms", "200"]);
        smi.args(["-i", &device.to_string()]).stdout(Stdio::piped()).stderr(Stdio::null());
        Ok(Self(smi.spawn().ok()))
    }

    /// The mean, in percent.
    fn stop(self) -> Result<Option<f64>> {
        let Some(mut child) = self.0 else { return Ok(None) };
        child.kill()?;
        let mut told = String::new();
        if let Some(mut output) = child.stdout.take() {
            output.read_to_string(&mut told)?;
        }
        child.wait()?;
        let values: Vec<f64> = told.lines().filter_map(|line| line.trim().parse().ok()).collect();
        Ok((!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64))
    }
}

fn gpu_name(device: u32) -> Option<String> {
    let mut smi = Command::new("nvidia-smi");
    smi.args([
        "--query-gpu=name,driver_version,memory.total",
        "--format=csv,noheader",
        "-i",
        &device.to_string(),
    ]);
    let output = smi.output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// A network of dense layers with drawn weights, as ONNX writes it: `MatMul` and `Add`, and `Relu` between them.
fn dense(sizes: &[usize]) -> Vec<u8> {
    let mut random = SplitMix64::new(1);
    let (mut graph, mut last) = (Vec::new(), "input".to_owned());
    let layers = sizes.len() - 1;
    for (layer, pair) in sizes.windows(2).enumerate() {
        let (rows, columns) = (pair[0], pair[1]);
        let scale = (2.0 / rows as f64).sqrt();
        let mut drawn = |count: usize, scale: f64| -> Vec<u8> {
            (0..count).flat_map(|_| ((random.normal() * scale) as f32).to_le_bytes()).collect()
        };
        let (weights, bias) = (drawn(rows * columns, scale), drawn(columns, 0.1));
        let is_last = layer + 1 == layers;
        let name = |what: &str| format!("{what}{layer}");
        let sum = if is_last { "output".to_owned() } else { name("sum") };
        graph.extend(field(1, &node("MatMul", &[&last, &name("weights")], &name("product"))));
        graph.extend(field(1, &node("Add", &[&name("product"), &name("bias")], &sum)));
        if !is_last {
            graph.extend(field(1, &node("Relu", &[&sum], &name("layer"))));
        }
        last = name("layer");
        graph.extend(field(5, &tensor(&name("weights"), &[rows, columns], &weights)));
        graph.extend(field(5, &tensor(&name("bias"), &[columns], &bias)));
    }
    graph.extend(field(2, b"dense"));
    graph.extend(field(11, &value_info("input", sizes[0])));
    graph.extend(field(12, &value_info("output", sizes[layers])));
    let opset = number(2, 13);
    [number(1, 8), field(7, &graph), field(8, &opset)].concat()
}

fn node(kind: &str, inputs: &[&str], output: &str) -> Vec<u8> {
    let mut node: Vec<u8> = inputs.iter().flat_map(|input| field(1, input.as_bytes())).collect();
    node.extend(field(2, output.as_bytes()));
    node.extend(field(4, kind.as_bytes()));
    node
}

fn tensor(name: &str, shape: &[usize], bytes: &[u8]) -> Vec<u8> {
    let mut tensor: Vec<u8> = shape.iter().flat_map(|size| number(1, *size)).collect();
    tensor.extend(number(2, FLOAT));
    tensor.extend(field(8, name.as_bytes()));
    tensor.extend(field(9, bytes));
    tensor
}

/// Rows of so many floats.
fn value_info(name: &str, width: usize) -> Vec<u8> {
    let shape = [field(1, &field(2, b"rows")), field(1, &number(1, width))].concat();
    let kind = field(1, &[number(1, FLOAT), field(2, &shape)].concat());
    [field(1, name.as_bytes()), field(2, &kind)].concat()
}

/// A field of bytes of protocol buffers.
fn field(number: u64, bytes: &[u8]) -> Vec<u8> {
    [varint(number << 3 | 2), varint(bytes.len() as u64), bytes.to_vec()].concat()
}

/// A field of a number.
fn number(field: u64, value: usize) -> Vec<u8> {
    [varint(field << 3), varint(value as u64)].concat()
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value > 0x7f {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

/// ONNX' number of the type.
const FLOAT: usize = 1;
