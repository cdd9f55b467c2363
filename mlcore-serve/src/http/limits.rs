use crate::v2::InferLimits;

/// Limits to what a client may send.
#[non_exhaustive]
#[derive(Clone, Copy, Debug)]
pub struct HttpLimits {
    /// Bytes of a body, unpacked. 64 MiB by default.
    pub body_bytes: usize,
    /// What a request may hold.
    pub request: InferLimits,
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self { body_bytes: 64 << 20, request: InferLimits::default() }
    }
}
