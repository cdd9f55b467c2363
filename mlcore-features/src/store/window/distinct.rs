//! How many distinct values there are, approximately: few registers as a list, many as a block.

use mlcore::profile::Registers;

use super::bytes::{Reader, put_count};

/// Registers of HyperLogLog, those that are zero left out while they are most.
///
/// A register is a maximum, so that no order and no grouping changes anything.
#[derive(Clone, Debug, Default)]
pub(super) struct Distinct {
    /// Register and rank, in ascending order of the registers.
    few: Vec<(u16, u8)>,
    many: Option<Registers>,
}

/// The most registers that are listed, in three bytes each: beyond, the block of 4,096 bytes is little longer.
const FEW: usize = 1024;

impl Distinct {
    pub(super) fn add(&mut self, hash: u64) {
        let (register, rank) = Registers::place_of(hash);
        self.raise(register, rank);
    }

    fn raise(&mut self, register: u16, rank: u8) {
        if let Some(many) = &mut self.many {
            many.raise(register, rank);
            return;
        }
        match self.few.binary_search_by_key(&register, |(register, _)| *register) {
            Ok(place) => {
                if let Some((_, known)) = self.few.get_mut(place) {
                    *known = rank.max(*known);
                }
            }
            Err(place) => {
                self.few.insert(place, (register, rank));
                if self.few.len() > FEW {
                    self.many = Some(self.registers());
                    self.few = Vec::new();
                }
            }
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        other.few.iter().for_each(|(register, rank)| self.raise(*register, *rank));
        if let Some(others) = &other.many {
            let mut own = self.registers();
            own.merge(others);
            *self = Self { few: Vec::new(), many: Some(own) };
        }
    }

    fn registers(&self) -> Registers {
        let mut registers = self.many.clone().unwrap_or_default();
        self.few.iter().for_each(|(register, rank)| registers.raise(*register, *rank));
        registers
    }

    /// About how many distinct values were added, rounded.
    pub(super) fn estimate(&self) -> i64 {
        self.registers().estimate().round() as i64
    }

    pub(super) fn write(&self, bytes: &mut Vec<u8>) {
        match &self.many {
            Some(many) => {
                put_count(bytes, FEW as u64 + 1);
                bytes.extend_from_slice(many.ranks());
            }
            None => {
                put_count(bytes, self.few.len() as u64);
                for (register, rank) in &self.few {
                    bytes.extend_from_slice(&register.to_le_bytes());
                    bytes.push(*rank);
                }
            }
        }
    }

    pub(super) fn absorb(&mut self, reader: &mut Reader<'_>) -> Option<()> {
        match reader.length(3)? {
            few if few <= FEW => {
                let mut before = None;
                for entry in reader.raw(few * 3)?.as_chunks::<3>().0 {
                    let [low, high, rank] = *entry;
                    let register = u16::from_le_bytes([low, high]);
                    if before.is_some_and(|before| before >= register) || !Registers::is_place(register, rank)
                    {
                        return None;
                    }
                    before = Some(register);
                    self.raise(register, rank);
                }
            }
            many if many == FEW + 1 => {
                let others = Registers::from_ranks(reader.raw(Registers::COUNT)?)?;
                self.merge(&Self { few: Vec::new(), many: Some(others) });
            }
            _ => return None,
        }
        Some(())
    }

    pub(super) fn skip(reader: &mut Reader<'_>) -> Option<()> {
        match reader.length(3)? {
            few if few <= FEW => reader.raw(few * 3).map(|_| ()),
            _ => reader.raw(Registers::COUNT).map(|_| ()),
        }
    }
}
