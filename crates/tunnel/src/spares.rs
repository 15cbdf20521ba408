//! Large buffers that are used again.
//!
//! An app that writes in large pieces makes a frame of 64 to 320 KiB of each. glibc gives such memory back to the system
//! when it is freed and fetches it again for the next frame, page by page, which took half of the processor time of an
//! upload.

use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::BytesMut;

/// Smaller buffers are the allocator's business, which keeps them itself.
const LARGE: usize = 32 * 1024;

/// Buffers kept for the process, at most: as many as a busy connection has under way.
const MOST: usize = 8;

static SPARES: Mutex<Vec<BytesMut>> = Mutex::new(Vec::new());

/// An empty buffer with room for `bytes`.
pub(crate) fn take(bytes: usize) -> BytesMut {
    if bytes < LARGE {
        return BytesMut::with_capacity(bytes);
    }
    // All but those of frames that have grown since fit.
    let spare = lock().pop().filter(|spare| spare.capacity() >= bytes);
    spare.unwrap_or_else(|| BytesMut::with_capacity(bytes))
}

/// Takes back what is not needed any more.
pub(crate) fn give_back(mut buffer: BytesMut) {
    if buffer.capacity() < LARGE {
        return;
    }
    buffer.clear();
    let mut spares = lock();
    if spares.len() < MOST {
        spares.push(buffer);
    }
}

fn lock() -> MutexGuard<'static, Vec<BytesMut>> {
    SPARES.lock().unwrap_or_else(PoisonError::into_inner)
}
