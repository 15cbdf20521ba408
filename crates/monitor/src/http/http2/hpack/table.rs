use std::collections::VecDeque;

use super::super::super::buffer;
use super::super::super::lost::Lost;

/// Size of a table before anything was said of it, in HPACK's count (RFC 9113, 6.5.2).
const DEFAULT: usize = 4096;
/// What an entry counts for besides its bytes (RFC 7541, 4.1).
const OVERHEAD: usize = 32;
/// Most that is remembered of a table: bytes, and entries. The default size stays below both; a larger table does as
/// long as little of it is used, or most of its values are such as are not kept.
const BYTES: usize = 4096;
const ENTRIES: usize = 256;

/// The dynamic table of one direction.
#[derive(Debug)]
pub(super) struct Table {
    /// The largest limit that may be set.
    allowed: usize,
    limit: usize,
    size: usize,
    /// The newest first.
    entries: VecDeque<Entry>,
    /// Names and values of the entries, the oldest first, behind those of entries that are gone.
    bytes: Vec<u8>,
    /// The bytes that were thrown away before `bytes`.
    gone: u32,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    /// Where its name is, counted from the first byte that ever was in the table. May wrap.
    at: u32,
    name: u16,
    /// None if the value is not kept.
    value: Option<u16>,
    /// What it counts for.
    size: u32,
}

impl Table {
    pub(super) fn new() -> Self {
        Self {
            allowed: DEFAULT,
            limit: DEFAULT,
            size: 0,
            entries: VecDeque::new(),
            bytes: Vec::new(),
            gone: 0,
        }
    }

    /// The reader of this direction allows a table of this size. The writer may have seen an earlier word.
    pub(super) fn allow(&mut self, size: usize) {
        self.allowed = self.allowed.max(size);
    }

    /// The writer limits the table.
    pub(super) fn limit(&mut self, limit: usize) -> Result<(), Lost> {
        if limit > self.allowed {
            return Err(Lost);
        }
        self.limit = limit;
        self.evict(0);
        Ok(())
    }

    /// Bytes on the heap.
    pub(super) fn kept(&self) -> usize {
        self.bytes.capacity() + self.entries.capacity() * size_of::<Entry>()
    }

    /// The entry of this index, the newest being 0.
    pub(super) fn entry(&self, index: usize) -> Option<(&[u8], Option<&[u8]>)> {
        let entry = self.entries.get(index)?;
        let from = self.bytes.get(entry.at.wrapping_sub(self.gone) as usize..)?;
        let (name, behind) = from.split_at_checked(usize::from(entry.name))?;
        match entry.value {
            Some(length) => Some((name, Some(behind.get(..usize::from(length))?))),
            None => Some((name, None)),
        }
    }

    /// Adds an entry whose value has `value_length` bytes and is kept or not.
    pub(super) fn add(&mut self, name: &[u8], value: Option<&[u8]>, value_length: usize) -> Result<(), Lost> {
        let size = name.len() + value_length + OVERHEAD;
        self.evict(size);
        if size > self.limit {
            // It empties the table and is not in it (RFC 7541, 4.4).
            return Ok(());
        }
        let kept = value.unwrap_or_default();
        let live = self.bytes.len() - self.dead();
        if live + name.len() + kept.len() > BYTES || self.entries.len() == ENTRIES {
            return Err(Lost);
        }
        if self.bytes.len() + name.len() + kept.len() > self.bytes.capacity() {
            let dead = self.dead();
            self.bytes.drain(..dead);
            self.gone = self.gone.wrapping_add(dead as u32);
        }
        let at = self.gone.wrapping_add(self.bytes.len() as u32);
        buffer::append(&mut self.bytes, name, BYTES, BYTES)?;
        buffer::append(&mut self.bytes, kept, BYTES, BYTES)?;
        self.entries.push_front(Entry {
            at,
            name: name.len() as u16,
            value: value.map(|value| value.len() as u16),
            size: size as u32,
        });
        self.size += size;
        Ok(())
    }

    /// Makes room for an entry of this size.
    fn evict(&mut self, size: usize) {
        while self.size + size > self.limit
            && let Some(oldest) = self.entries.pop_back()
        {
            self.size -= oldest.size as usize;
        }
    }

    /// How many bytes belong to entries that are gone.
    fn dead(&self) -> usize {
        self.entries.back().map_or(self.bytes.len(), |oldest| {
            oldest.at.wrapping_sub(self.gone) as usize
        })
    }
}
