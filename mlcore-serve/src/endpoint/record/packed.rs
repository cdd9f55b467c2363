use mlcore::Result;
use mlcore::batch::{Batch, SmolStr, Tensor};
use mlcore::schema::DType;

/// A copy of a model's answer in memory that is used again.
///
/// An answer that was shared would be allocated by the thread that asked and freed by the one that works off records: the
/// allocator makes both wait, and the next request gets memory that no cache has seen for long. A few hundred bytes are
/// copied faster than that. A large answer, and one with text or bools, is shared after all.
#[derive(Clone, Debug, Default)]
pub(crate) struct Packed {
    tensors: Vec<Head>,
    /// The shapes, one after another.
    axes: Vec<usize>,
    /// The elements, one tensor after another.
    bytes: Vec<u8>,
    shared: Option<Batch>,
}

/// A tensor but for its shape and its elements.
#[derive(Clone, Debug)]
struct Head {
    name: SmolStr,
    dtype: DType,
    rank: usize,
    bytes: usize,
}

/// The most bytes of elements that are copied.
const MOST_BYTES: usize = 4096;

impl Packed {
    /// Replaces the content by `batch`.
    pub(crate) fn pack(&mut self, batch: &Batch) {
        self.clear();
        for (name, tensor) in batch.as_slice() {
            match tensor.as_bytes() {
                Some(bytes) if self.bytes.len() + bytes.len() <= MOST_BYTES => {
                    let (rank, dtype) = (tensor.shape().len(), tensor.dtype());
                    self.tensors.push(Head { name: name.clone(), dtype, rank, bytes: bytes.len() });
                    self.axes.extend_from_slice(tensor.shape());
                    self.bytes.extend_from_slice(bytes);
                }
                _ => {
                    self.clear();
                    self.shared = Some(batch.clone());
                    return;
                }
            }
        }
    }

    /// Replaces the content by that of `other`, in the memory that is here.
    pub(crate) fn copy(&mut self, other: &Self) {
        self.tensors.clone_from(&other.tensors);
        self.axes.clone_from(&other.axes);
        self.bytes.clone_from(&other.bytes);
        self.shared.clone_from(&other.shared);
    }

    /// The batch that was packed.
    ///
    /// # Errors
    /// None that a batch could cause.
    pub(crate) fn unpack(&self) -> Result<Batch> {
        if let Some(shared) = &self.shared {
            return Ok(shared.clone());
        }
        let (mut axes, mut bytes) = (&self.axes[..], &self.bytes[..]);
        let tensors = self.tensors.iter().map(|head| {
            let shape = take(&mut axes, head.rank);
            let elements = take(&mut bytes, head.bytes);
            Ok((head.name.clone(), Tensor::from_bytes(head.dtype, shape, elements)?))
        });
        Batch::new(tensors.collect::<Result<Vec<_>>>()?)
    }

    /// Whether there is nothing to forget.
    pub(crate) fn is_empty(&self) -> bool {
        self.tensors.is_empty() && self.shared.is_none()
    }

    /// Forgets the content and keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.tensors.clear();
        self.axes.clear();
        self.bytes.clear();
        self.shared = None;
    }
}

/// The first `count` of what is left.
fn take<'a, T>(left: &mut &'a [T], count: usize) -> &'a [T] {
    let (first, rest) = left.split_at_checked(count).unwrap_or((left, &[]));
    *left = rest;
    first
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_comes_out_again() {
        let small = Batch::new([
            ("label", Tensor::new([2], vec![7_i64, -1]).unwrap()),
            ("scores", Tensor::new([2, 2], vec![0.25_f32, 0.75, 1.0, 0.0]).unwrap()),
            ("scalar", Tensor::new([], vec![0.5_f64]).unwrap()),
        ])
        .unwrap();
        let large = Batch::single("scores", Tensor::new([2, 700], vec![0.5_f32; 1400]).unwrap());
        let text = Batch::new([
            ("scores", Tensor::column(vec![0.5_f32; 3])),
            ("label", Tensor::strings([3], ["a", "", "c"]).unwrap()),
        ])
        .unwrap();
        let (mut packed, mut copy) = (Packed::default(), Packed::default());
        for batch in [&small, &large, &text, &Batch::default(), &small] {
            packed.pack(batch);
            copy.copy(&packed);
            assert_eq!(packed.unpack().unwrap(), *batch);
            assert_eq!(copy.unpack().unwrap(), *batch);
        }
        packed.clear();
        assert!(packed.unpack().unwrap().is_empty());
    }
}
