//! Addresses and memory of the system.

#[cfg(target_os = "linux")]
pub(super) use linux::{commit, forget, give_back, reserve};
#[cfg(not(target_os = "linux"))]
pub(super) use none::{commit, forget, give_back, reserve};

#[cfg(target_os = "linux")]
mod linux {
    use std::ptr::{NonNull, null_mut};

    /// Reserves addresses, without memory.
    pub fn reserve(bytes: usize) -> Option<NonNull<u8>> {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        // SAFETY: a new mapping, wherever there is room.
        let at = unsafe { libc::mmap(null_mut(), bytes, libc::PROT_NONE, flags, -1, 0) };
        let at = (at != libc::MAP_FAILED).then(|| NonNull::new(at.cast::<u8>())).flatten()?;
        // Huge pages would make memory of what nobody touches. Where there are none, this fails.
        // SAFETY: the mapping was just made.
        unsafe { libc::madvise(at.as_ptr().cast(), bytes, libc::MADV_NOHUGEPAGE) };
        Some(at)
    }

    /// Gives back what was reserved.
    pub fn give_back(at: NonNull<u8>, bytes: usize) {
        // SAFETY: the caller has just reserved it and told nobody.
        unsafe { libc::munmap(at.as_ptr().cast(), bytes) };
    }

    /// Makes reserved addresses usable.
    pub fn commit(at: NonNull<u8>, bytes: usize) -> bool {
        let access = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: it is a part of what was reserved, which nobody uses yet.
        unsafe { libc::mprotect(at.as_ptr().cast(), bytes, access) == 0 }
    }

    /// Gives memory back to the system; it is zeroed when it is used again.
    pub fn forget(at: NonNull<u8>, bytes: usize) {
        // SAFETY: it is a part of what was reserved, and nobody uses what is in it.
        unsafe { libc::madvise(at.as_ptr().cast(), bytes, libc::MADV_DONTNEED) };
    }
}

#[cfg(not(target_os = "linux"))]
mod none {
    use std::ptr::NonNull;

    // Luau's pages are then with the system's allocator.
    pub fn reserve(_: usize) -> Option<NonNull<u8>> {
        None
    }

    pub fn give_back(_: NonNull<u8>, _: usize) {}

    pub fn commit(_: NonNull<u8>, _: usize) -> bool {
        false
    }

    pub fn forget(_: NonNull<u8>, _: usize) {}
}
