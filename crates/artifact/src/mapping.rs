//! A payload as one stretch of memory.

use std::{
    ffi::c_void,
    fs::File,
    io,
    num::NonZeroUsize,
    ops::{Deref, Range},
    ptr::NonNull,
    slice,
};

use nix::{
    sys::mman::{self, MapFlags, ProtFlags},
    unistd::{SysconfVar, sysconf},
};

/// A payload in memory: contiguous, aligned (to a page, or to 64 bytes if small), private to this
/// process. Files are mapped copy-on-write, so writing through [`Mapping::as_ptr`] changes this
/// mapping and never the store. Freed when dropped.
#[derive(Debug)]
pub struct Mapping {
    memory: Memory,
    range: Range<usize>,
}

#[derive(Debug)]
enum Memory {
    Small(Blocks),
    Region(Region),
}

/// 64 bytes at a multiple of 64.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
struct Aligned([u8; 64]);

/// Memory of its own, held by a pointer because it is written through pointers.
#[derive(Debug)]
struct Blocks {
    base: NonNull<[Aligned]>,
}

// SAFETY: the blocks are memory owned by this value alone; sharing it is as safe as sharing a slice.
unsafe impl Send for Blocks {}
// SAFETY: as above.
unsafe impl Sync for Blocks {}

impl Blocks {
    fn copy_of(bytes: &[u8]) -> Self {
        let block = |part: &[u8]| {
            let mut block = Aligned([0; 64]);
            block.0[..part.len()].copy_from_slice(part);
            block
        };
        let blocks: Box<[Aligned]> = bytes.chunks(64).map(block).collect();
        Self {
            base: NonNull::from(Box::leak(blocks)),
        }
    }
}

impl Drop for Blocks {
    fn drop(&mut self) {
        // SAFETY: the pointer came from a box, which nothing refers to any more.
        drop(unsafe { Box::from_raw(self.base.as_ptr()) });
    }
}

impl Mapping {
    /// A copy of some bytes.
    #[must_use]
    pub fn copy_of(bytes: &[u8]) -> Self {
        Self {
            memory: Memory::Small(Blocks::copy_of(bytes)),
            range: 0..bytes.len(),
        }
    }

    pub(crate) fn of_region(region: Region, range: Range<usize>) -> Self {
        debug_assert!(range.start <= range.end && range.end <= region.length);
        Self {
            memory: Memory::Region(region),
            range,
        }
    }

    /// The first byte. May be written through (as numpy does with a writable array) as long as no
    /// slice borrowed from this mapping is in use meanwhile.
    #[must_use]
    pub fn as_ptr(&self) -> *mut u8 {
        let base = match &self.memory {
            Memory::Small(blocks) => blocks.base.as_ptr().cast::<u8>(),
            Memory::Region(region) => region.base.as_ptr(),
        };
        // SAFETY: the range lies within the memory.
        unsafe { base.add(self.range.start) }
    }

    /// Whether the memory still holds what is stored: `Some(true)` if no byte was written since it
    /// was mapped, `Some(false)` if one was, `None` if that can't be told (parts that were
    /// decompressed or copied; a system without `/proc/self/pagemap`).
    #[must_use]
    pub fn is_clean(&self) -> Option<bool> {
        match &self.memory {
            Memory::Small(_) => None,
            Memory::Region(region) => region.is_clean(),
        }
    }
}

impl Deref for Mapping {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: the range lies within memory that lives as long as `self`.
        unsafe { slice::from_raw_parts(self.as_ptr(), self.range.len()) }
    }
}

impl AsRef<[u8]> for Mapping {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

/// Reserved address space, filled part by part.
#[derive(Debug)]
pub(crate) struct Region {
    base: NonNull<u8>,
    length: usize,
    /// Parts mapped from files.
    files: Vec<Range<usize>>,
    /// Whether other parts exist.
    has_anonymous: bool,
}

// SAFETY: the region is memory owned by this value alone; sharing it is as safe as sharing a slice.
unsafe impl Send for Region {}
// SAFETY: as above.
unsafe impl Sync for Region {}

impl Region {
    /// Reserves address space. Nothing may be read before it is filled.
    pub(crate) fn reserve(length: usize) -> io::Result<Self> {
        let length = NonZeroUsize::new(length).ok_or(io::ErrorKind::InvalidInput)?;
        let flags = MapFlags::MAP_PRIVATE | MapFlags::MAP_NORESERVE;
        // SAFETY: a new mapping at an address of the system's choice.
        let base = unsafe { mman::mmap_anonymous(None, length, ProtFlags::PROT_NONE, flags)? };
        Ok(Self {
            base: base.cast(),
            length: length.get(),
            files: Vec::new(),
            has_anonymous: false,
        })
    }

    /// Maps the beginning of a file at `range`, which starts on a page.
    pub(crate) fn map_file(&mut self, range: Range<usize>, file: &File) -> io::Result<()> {
        let (address, length) = self.target(&range)?;
        let flags = MapFlags::MAP_PRIVATE | MapFlags::MAP_FIXED;
        let writable = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // SAFETY: the target lies within this region, so no other mapping is replaced.
        let mapped = unsafe { mman::mmap(Some(address), length, writable, flags, file, 0)? };
        // SAFETY: the range was just mapped. Only a hint, so failing doesn't matter.
        let _ = unsafe { mman::madvise(mapped, length.get(), mman::MmapAdvise::MADV_WILLNEED) };
        self.files.push(range);
        Ok(())
    }

    /// Gives memory at `range`, which starts on a page.
    pub(crate) fn map_memory(&mut self, range: Range<usize>) -> io::Result<()> {
        let (address, length) = self.target(&range)?;
        let start: NonNull<c_void> =
            NonNull::new(address.get() as *mut c_void).ok_or(io::ErrorKind::InvalidInput)?;
        // SAFETY: the target lies within this region.
        unsafe {
            mman::mprotect(
                start,
                length.get(),
                ProtFlags::PROT_READ | ProtFlags::PROT_WRITE,
            )?;
            #[cfg(target_os = "linux")]
            let _ = mman::madvise(start, length.get(), mman::MmapAdvise::MADV_HUGEPAGE);
        }
        self.has_anonymous = true;
        Ok(())
    }

    /// The bytes at several ranges, to fill at the same time. The ranges are in order and don't
    /// overlap, and each was given memory.
    pub(crate) fn slices_mut(&mut self, ranges: &[Range<usize>]) -> Vec<&mut [u8]> {
        let mut end = 0;
        let mut slices = Vec::with_capacity(ranges.len());
        for range in ranges {
            assert!(end <= range.start && range.start <= range.end && range.end <= self.length);
            end = range.end;
            // SAFETY: within the region, which is borrowed mutably, and after all ranges before.
            slices.push(unsafe {
                slice::from_raw_parts_mut(self.base.as_ptr().add(range.start), range.len())
            });
        }
        slices
    }

    fn target(&self, range: &Range<usize>) -> io::Result<(NonZeroUsize, NonZeroUsize)> {
        if range.end > self.length || !range.start.is_multiple_of(page_size()) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let address = self.base.as_ptr().addr() + range.start;
        let length = NonZeroUsize::new(range.len()).ok_or(io::ErrorKind::InvalidInput)?;
        Ok((
            NonZeroUsize::new(address).ok_or(io::ErrorKind::InvalidInput)?,
            length,
        ))
    }

    fn is_clean(&self) -> Option<bool> {
        let start = self.base.as_ptr().addr();
        for range in &self.files {
            if !is_untouched(start + range.start..start + range.end)? {
                return Some(false);
            }
        }
        (!self.has_anonymous).then_some(true)
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        // SAFETY: the region was mapped by this value and nothing refers to it any more.
        let _ = unsafe { mman::munmap(self.base.cast(), self.length) };
    }
}

/// Bytes of a page.
pub(crate) fn page_size() -> usize {
    let size = sysconf(SysconfVar::PAGE_SIZE).ok().flatten();
    size.and_then(|size| usize::try_from(size).ok())
        .unwrap_or(4096)
}

/// Whether no page of a privately mapped file was written: writing gives the process a page of its
/// own, which `/proc/self/pagemap` then no longer counts to a file.
#[cfg(target_os = "linux")]
fn is_untouched(addresses: Range<usize>) -> Option<bool> {
    use std::os::unix::fs::FileExt;

    const PRESENT: u64 = 1 << 63;
    const SWAPPED: u64 = 1 << 62;
    const OF_FILE: u64 = 1 << 61;
    const PAGES_AT_ONCE: usize = 8192;

    let page = page_size();
    let pagemap = File::open("/proc/self/pagemap").ok()?;
    let mut buffer = vec![0; PAGES_AT_ONCE * 8];
    let (mut at, end) = (addresses.start / page, addresses.end.div_ceil(page));
    while at < end {
        let count = PAGES_AT_ONCE.min(end - at);
        let bytes = &mut buffer[..count * 8];
        pagemap.read_exact_at(bytes, at as u64 * 8).ok()?;
        for entry in bytes.chunks_exact(8) {
            let entry = u64::from_ne_bytes(entry.try_into().ok()?);
            if entry & (PRESENT | SWAPPED) != 0 && entry & OF_FILE == 0 {
                return Some(false);
            }
        }
        at += count;
    }
    Some(true)
}

#[cfg(not(target_os = "linux"))]
fn is_untouched(_addresses: Range<usize>) -> Option<bool> {
    None
}
