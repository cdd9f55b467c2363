//! Numbers and texts one after another, read back without trust: whatever is not there is `None`.

/// Appends a number in as few bytes as it needs, seven bits in each.
pub(super) fn put_count(bytes: &mut Vec<u8>, mut count: u64) {
    while count >= 0x80 {
        bytes.push(count as u8 | 0x80);
        count >>= 7;
    }
    bytes.push(count as u8);
}

pub(super) fn put_u64(bytes: &mut Vec<u8>, number: u64) {
    bytes.extend_from_slice(&number.to_le_bytes());
}

/// What is left to read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    #[inline]
    pub(super) fn u8(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    #[inline]
    fn chunk<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.rest.split_first_chunk::<N>()?;
        self.rest = rest;
        Some(*first)
    }

    #[inline]
    pub(super) fn u64(&mut self) -> Option<u64> {
        self.chunk().map(u64::from_le_bytes)
    }

    pub(super) fn u128(&mut self) -> Option<u128> {
        self.chunk().map(u128::from_le_bytes)
    }

    /// What [`put_count`] wrote, in its one spelling.
    #[inline]
    pub(super) fn count(&mut self) -> Option<u64> {
        let first = self.u8()?;
        if first < 0x80 {
            return Some(u64::from(first));
        }
        let (mut count, mut shift) = (u64::from(first & 0x7f), 7);
        loop {
            let byte = self.u8()?;
            let part = u64::from(byte & 0x7f);
            if shift > 63 || (part << shift) >> shift != part {
                return None;
            }
            count |= part << shift;
            if byte < 0x80 {
                return (byte != 0).then_some(count);
            }
            shift += 7;
        }
    }

    /// How many things of at least so many bytes follow: no more than there are bytes for.
    #[inline]
    pub(super) fn length(&mut self, bytes_each: usize) -> Option<usize> {
        let count = usize::try_from(self.count()?).ok()?;
        (count.checked_mul(bytes_each)? <= self.rest.len()).then_some(count)
    }

    #[inline]
    pub(super) fn raw(&mut self, length: usize) -> Option<&'a [u8]> {
        let (first, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(first)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn counts_come_back(count: u64, small in 0_u64..300) {
            for count in [count, small, u64::MAX] {
                let mut bytes = Vec::new();
                put_count(&mut bytes, count);
                let mut reader = Reader::new(&bytes);
                prop_assert_eq!(reader.count(), Some(count));
                prop_assert!(reader.is_empty());
                prop_assert_eq!(Reader::new(&bytes[..bytes.len() - 1]).count(), None);
            }
        }

        #[test]
        fn any_bytes_are_read_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..16)) {
            let mut reader = Reader::new(&bytes);
            if let Some(count) = reader.count() {
                let mut again = Vec::new();
                put_count(&mut again, count);
                prop_assert!(bytes.starts_with(&again), "a number has one spelling");
            }
        }
    }
}
