//! A launch of whatever a text has, with limits that it must keep to.
//!
//! The fuzz targets in `fuzz/` use it, too.

use cuda_sim::{Checks, Counters, Device, LaunchError, Limits, LoadError, Module, Shape};

/// Bytes of the device.
const MEMORY: u64 = 1 << 24;
/// Instructions that warps may run, and what else costs as much.
const TOTAL: u64 = 1 << 15;

/// A launch, by bytes: what is missing is zero.
#[derive(Clone, Debug)]
pub(crate) struct Wish<'a>(pub(crate) &'a [u8]);

impl Wish<'_> {
    fn byte(&self, at: usize) -> u8 {
        self.0.get(at).copied().unwrap_or_default()
    }

    fn shape(&self) -> Shape {
        let size = |at: usize, most: u8| u32::from(self.byte(at) % most);
        let threads = [1, 2, 31, 32, 33, 64, 100, 128][usize::from(self.byte(0) % 8)];
        Shape {
            grid: [size(1, 4) + 1, size(2, 8) / 7 + 1, 1],
            block: [threads, size(3, 16) / 15 + 1, size(4, 32) / 31 + 1],
            dynamic_shared: size(5, 4) * 100,
        }
    }
}

/// What must be so of counters, whatever ran.
fn counted(counters: &Counters, instructions: u64) {
    assert!(instructions <= counters.warp_instructions * 32);
    assert!(counters.divergent_branches <= counters.branches);
    let footprints = [counters.read_footprint, counters.written_footprint];
    assert!(footprints.iter().max() <= Some(&counters.touched_footprint));
    assert!(counters.touched_footprint <= footprints.iter().sum());
    for traffic in [counters.loads, counters.stores, counters.atomics] {
        // An access of 16 bytes at most, of which each lane has a sector, or
        // two if they are a matrix's rows.
        assert!(traffic.sectors <= traffic.instructions * 64);
        assert!(traffic.bytes <= traffic.instructions * 32 * 32);
    }
    let shared = [
        counters.shared_loads,
        counters.shared_stores,
        counters.shared_atomics,
    ];
    for traffic in shared {
        assert!(traffic.wavefronts >= traffic.instructions);
        assert!(traffic.conflicts <= traffic.wavefronts);
    }
}

/// Loads a text, and launches what kernels it has, two of them at most.
pub(crate) fn run(text: &str, wish: &Wish<'_>) -> Result<(), LoadError> {
    let mut device = Device::new(MEMORY);
    let heap = device.heap_mut();
    let module = Module::load(heap, text)?;
    let room = heap.free_bytes();
    let bytes = room.min(1 << 12);
    let Ok(first) = heap.allocate(bytes, "first", false) else {
        return Ok(());
    };
    let second = heap.allocate(bytes.min(heap.free_bytes()), "second", false);
    if wish.byte(6) & 1 == 1 {
        first.write(0, &vec![wish.byte(7); bytes as usize]);
    }
    let limits = Limits {
        budget: 1 << 12,
        total: TOTAL,
        memory: 1 << 26,
        threads: 1 + usize::from(wish.byte(8) & 1),
        checks: [Checks::All, Checks::Memory][usize::from(wish.byte(9) & 1)],
        counters: wish.byte(8) & 2 != 0,
        malloc_bytes: 64 << (wish.byte(9) >> 4),
        ..Limits::default()
    };
    let together = wish.byte(8) & 4 != 0;
    let kernels: Vec<String> = module.kernels().take(2).map(str::to_owned).collect();
    for kernel in kernels {
        let Some(attributes) = module.attributes(&kernel) else {
            continue;
        };
        let mut arguments = vec![0; attributes.param_bytes as usize];
        for (number, (at, length)) in attributes.params.iter().enumerate() {
            let value = match (length, wish.byte(10 + number) % 8) {
                (8, 0..=3) => first.base(),
                (8, 4) => second.as_ref().map_or(0, |second| second.base()),
                (8, 5) => first.base() + bytes - 4,
                (_, 6) => u64::MAX,
                (_, kind) => u64::from(kind) * 16,
            };
            let place = &mut arguments[*at as usize..(at + length) as usize];
            let taken = place.len().min(8);
            place[..taken].copy_from_slice(&value.to_le_bytes()[..taken]);
        }
        let (heap, shape) = (device.heap(), wish.shape());
        let launched = if together {
            module.launch_cooperative(heap, &kernel, shape, &arguments, limits)
        } else {
            module.launch(heap, &kernel, shape, &arguments, limits)
        };
        let outcome = match launched {
            Ok(outcome) => outcome,
            Err(LaunchError::Arguments { .. }) => panic!("as many as its attributes say"),
            Err(error) => {
                assert!(!error.to_string().is_empty());
                continue;
            }
        };
        for finding in &outcome.findings {
            assert!(finding.line > 0, "{finding}");
            assert!(!finding.to_string().is_empty());
        }
        // A warp notices that it is over after a turn of its own.
        let warps = 2 * (TOTAL + (1 << 18));
        assert!(outcome.counts.instructions() <= warps * 32);
        assert!(outcome.printed.len() <= 1 << 20);
        assert_eq!(outcome.counters.is_some(), limits.counters);
        if let Some(counters) = outcome.counters {
            counted(&counters, outcome.counts.instructions());
        }
    }
    Ok(())
}
