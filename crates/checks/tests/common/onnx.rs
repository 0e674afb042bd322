//! Small networks as ONNX files, written byte by byte: embeddings that need no weights from elsewhere.
#![allow(dead_code)]

/// An embedding that is a thumbnail: the mean of every `side` by `side` pixels of the 3 x 224 x 224.
/// `batch` is what the file says of how many pictures it takes; `None`: any number.
pub fn thumbnail(side: u64, batch: Option<u64>) -> Vec<u8> {
    let pool = node(
        "AveragePool",
        &["picture"],
        "small",
        &[ints("kernel_shape", &[side, side]), ints("strides", &[side, side])],
    );
    let flat = node("Flatten", &["small"], "vector", &[int("axis", 1)]);
    let across = 224 / side;
    model(&[pool, flat], &[], batch, 224, 3 * across * across)
}

/// As much work as a small network of today: 3 x 3 convolutions of stride 2 with weights drawn from a
/// seed, with `channels` at first and twice as many after each, then the mean of every plane.
pub fn convolutions(channels: &[u64]) -> Vec<u8> {
    let (mut nodes, mut weights) = (Vec::new(), Vec::new());
    let (mut before, mut from, mut seed) = (3u64, "picture".to_owned(), 1u64);
    for (layer, after) in channels.iter().enumerate() {
        let count = (after * before * 9) as usize;
        let gain = (2.0 / (before as f32 * 9.0)).sqrt();
        let mut values = Vec::with_capacity(count);
        for _ in 0..count {
            seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            values.push((((seed >> 40) as f32) / (1u64 << 23) as f32 - 1.0) * 1.7 * gain);
        }
        let (name, raw, to) = (format!("w{layer}"), format!("c{layer}"), format!("r{layer}"));
        weights.push(tensor(&name, &[*after, before, 3, 3], &values));
        let stride = if layer < 5 { 2 } else { 1 };
        let how = [
            ints("kernel_shape", &[3, 3]),
            ints("strides", &[stride, stride]),
            ints("pads", &[1, 1, 1, 1]),
        ];
        nodes.push(node("Conv", &[&from, &name], &raw, &how));
        nodes.push(node("Relu", &[&raw], &to, &[]));
        (before, from) = (*after, to);
    }
    nodes.push(node("GlobalAveragePool", &[&from], "small", &[]));
    nodes.push(node("Flatten", &["small"], "vector", &[int("axis", 1)]));
    model(&nodes, &weights, None, 224, before)
}

/// A network that takes pictures of another size.
pub fn of_other_size() -> Vec<u8> {
    let weights = tensor("w", &[100, 4], &[0.1; 400]);
    let flat = node("Flatten", &["picture"], "long", &[int("axis", 1)]);
    let gemm = node("Gemm", &["long", "w"], "vector", &[]);
    model(&[flat, gemm], &[weights], Some(1), 10, 4)
}

/// A network that answers a plane, one number a pixel, for every picture the same.
pub fn of_nothing() -> Vec<u8> {
    let weights = tensor("w", &[4, 3, 1, 1], &[0.0; 12]);
    let conv = node("Conv", &["picture", "w"], "planes", &[ints("kernel_shape", &[1, 1])]);
    let mean = node("GlobalAveragePool", &["planes"], "small", &[]);
    let flat = node("Flatten", &["small"], "vector", &[int("axis", 1)]);
    model(&[conv, mean, flat], &[weights], None, 224, 4)
}

fn model(
    nodes: &[Vec<u8>],
    weights: &[Vec<u8>],
    batch: Option<u64>,
    side: u64,
    length: u64,
) -> Vec<u8> {
    let mut graph = Vec::new();
    nodes.iter().for_each(|node| bytes(&mut graph, 1, node));
    bytes(&mut graph, 2, b"embedding");
    weights.iter().for_each(|weights| bytes(&mut graph, 5, weights));
    bytes(&mut graph, 11, &value("picture", batch, &[3, side, side]));
    bytes(&mut graph, 12, &value("vector", batch, &[length]));
    let mut opset = Vec::new();
    bytes(&mut opset, 1, b"");
    number(&mut opset, 2, 11);
    let mut model = Vec::new();
    number(&mut model, 1, 6);
    bytes(&mut model, 7, &graph);
    bytes(&mut model, 8, &opset);
    model
}

fn node(kind: &str, inputs: &[&str], output: &str, attributes: &[Vec<u8>]) -> Vec<u8> {
    let mut node = Vec::new();
    inputs.iter().for_each(|input| bytes(&mut node, 1, input.as_bytes()));
    bytes(&mut node, 2, output.as_bytes());
    bytes(&mut node, 3, output.as_bytes());
    bytes(&mut node, 4, kind.as_bytes());
    attributes.iter().for_each(|attribute| bytes(&mut node, 5, attribute));
    node
}

fn int(name: &str, value: u64) -> Vec<u8> {
    let mut attribute = Vec::new();
    bytes(&mut attribute, 1, name.as_bytes());
    number(&mut attribute, 3, value);
    number(&mut attribute, 20, 2);
    attribute
}

fn ints(name: &str, values: &[u64]) -> Vec<u8> {
    let mut attribute = Vec::new();
    bytes(&mut attribute, 1, name.as_bytes());
    values.iter().for_each(|value| number(&mut attribute, 8, *value));
    number(&mut attribute, 20, 7);
    attribute
}

fn tensor(name: &str, sides: &[u64], values: &[f32]) -> Vec<u8> {
    let mut tensor = Vec::new();
    sides.iter().for_each(|side| number(&mut tensor, 1, *side));
    number(&mut tensor, 2, 1);
    bytes(&mut tensor, 8, name.as_bytes());
    let raw: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    bytes(&mut tensor, 9, &raw);
    tensor
}

/// What an input or output is called and its sides; the first is the batch.
fn value(name: &str, batch: Option<u64>, sides: &[u64]) -> Vec<u8> {
    let mut shape = Vec::new();
    let mut first = Vec::new();
    match batch {
        Some(batch) => number(&mut first, 1, batch),
        None => bytes(&mut first, 2, b"batch"),
    }
    bytes(&mut shape, 1, &first);
    for side in sides {
        let mut one = Vec::new();
        number(&mut one, 1, *side);
        bytes(&mut shape, 1, &one);
    }
    let mut kind = Vec::new();
    number(&mut kind, 1, 1);
    bytes(&mut kind, 2, &shape);
    let mut wrapped = Vec::new();
    bytes(&mut wrapped, 1, &kind);
    let mut value = Vec::new();
    bytes(&mut value, 1, name.as_bytes());
    bytes(&mut value, 2, &wrapped);
    value
}

fn number(to: &mut Vec<u8>, field: u64, value: u64) {
    varint(to, field << 3);
    varint(to, value);
}

fn bytes(to: &mut Vec<u8>, field: u64, value: &[u8]) {
    varint(to, field << 3 | 2);
    varint(to, value.len() as u64);
    to.extend_from_slice(value);
}

fn varint(to: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        to.push(value as u8 | 0x80);
        value >>= 7;
    }
    to.push(value as u8);
}
