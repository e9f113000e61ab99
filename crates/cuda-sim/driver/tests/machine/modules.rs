//! Modules, kernels, what fits.

use cuda_sim_driver::machine::{FunctionAttribute, Shape};
use cuda_sim_driver::{Error, Machine, Settings, StreamRef};

use crate::harness::Program;
use crate::program::KERNELS;

#[test]
fn what_is_no_ptx_is_refused_with_its_reason() {
    let program = Program::new();
    let caller = &program.caller;
    let mut machine = program.driver.enter();
    let mut load = |text: &str| machine.module_load(caller, text).unwrap_err();
    let failure = load("not PTX");
    assert_eq!(failure.error, Error::InvalidPtx);
    let unknown = KERNELS.replace("trap;", "nosuch.b32;");
    let failure = load(&unknown);
    assert_eq!(failure.error, Error::NotSupported);
    assert!(failure.text.starts_with("not simulable: "), "{failure}");
    let failure = load(&KERNELS.replace("sm_80", "sm_90a"));
    assert_eq!(failure.error, Error::InvalidPtx);
    assert_eq!(
        failure.text,
        "PTX for sm_90a can't be run on A100, which has compute capability 8.0"
    );
    assert_eq!(machine.module_binary(caller).error, Error::InvalidImage);
    // Nothing is left of modules that could not be loaded.
    let (free, all) = machine.memory_info(caller).unwrap();
    assert_eq!(free, all);
}

#[test]
fn variables_are_memory_until_the_module_goes() {
    let program = Program::new();
    let caller = &program.caller;
    let module = program.driver.enter().module_load(caller, KERNELS).unwrap();
    let global = |name| program.driver.enter().module_global(caller, module, name);
    let (address, bytes) = global("counter").unwrap();
    assert_eq!(bytes, 4);
    assert_eq!(global("other"), Err(Error::NotFound));
    assert_eq!(program.download(address, 1).unwrap(), [5]);
    let mut machine = program.driver.enter();
    let kernel = machine.module_function(caller, module, "add").unwrap();
    assert_eq!(
        machine.module_function(caller, module, "add"),
        Ok(kernel),
        "the same one"
    );
    assert_eq!(
        machine.module_function(caller, module, "sub"),
        Err(Error::NotFound)
    );
    let wait = machine.module_unload(caller, module).unwrap();
    drop(machine);
    program.wait(wait).unwrap();
    assert_eq!(global("counter"), Err(Error::InvalidHandle));
    assert_eq!(program.download(address, 1), Err(Error::InvalidValue));
    let launch = program.add(StreamRef::Legacy, kernel, address, 1, 1);
    assert_eq!(launch, Err(Error::InvalidHandle));
}

#[test]
fn launches_are_checked_when_they_are_asked_for() {
    let program = Program::new();
    let caller = &program.caller;
    let kernel = program.kernel("shares");
    let x = program.upload(&[0]);
    let launch = |grid, block, dynamic_shared| {
        let shape = Shape {
            grid: [grid, 1, 1],
            block: [block, 1, 1],
            dynamic_shared,
        };
        let mut machine = program.driver.enter();
        machine.launch(
            caller,
            StreamRef::Legacy,
            kernel,
            shape,
            &x.to_le_bytes(),
            false,
        )
    };
    assert_eq!(launch(0, 1, 4), Err(Error::InvalidValue));
    assert_eq!(launch(1, 1025, 4), Err(Error::InvalidValue));
    // More than 48 KiB must be asked for, and 163 KiB are all there is:
    // programming guide, table of technical specifications, 8.0.
    assert_eq!(launch(1, 1, 48 * 1024 + 4), Err(Error::InvalidValue));
    let allow = |bytes| {
        program.driver.enter().function_set_attribute(
            caller,
            kernel,
            FunctionAttribute::MaxDynamicShared,
            bytes,
        )
    };
    assert_eq!(allow(163 * 1024 + 1), Err(Error::InvalidValue));
    assert_eq!(allow(-1), Err(Error::InvalidValue));
    assert_eq!(allow(163 * 1024), Ok(()));
    assert_eq!(launch(1, 1, 163 * 1024), Ok(()));
    assert_eq!(program.download(x, 1).unwrap(), [7]);
    assert!(program.codes().is_empty());
}

/// CUDA occupancy calculator, compute capability 8.0: 2048 threads, 32 blocks
/// and 164 KiB of shared memory on a multiprocessor, of which each block
/// takes 1 KiB for the system. Registers are not counted.
#[test]
fn blocks_fit_as_on_an_a100() {
    let program = Program::new();
    let caller = &program.caller;
    let kernel = program.kernel("add");
    let machine = program.driver.enter();
    let blocks = |threads, dynamic| machine.occupancy(caller, kernel, threads, dynamic).unwrap();
    for (threads, dynamic, expected) in [
        (32, 0, 32),
        (128, 0, 16),
        (1000, 0, 2),
        (1024, 0, 2),
        (128, 40 * 1024, 4),
        (64, 20 * 1024, 7),
        (1025, 0, 0),
    ] {
        assert_eq!(blocks(threads, dynamic), expected, "{threads}, {dynamic}");
    }
    let candidates = machine.occupancy_candidates(caller, kernel, 0).unwrap();
    let without: Vec<_> = candidates.iter().map(|&threads| (threads, 0)).collect();
    let best = machine.occupancy_best(caller, kernel, &without);
    assert_eq!(best, Ok((2 * 108, 1024)));
    // 164 KiB by two, less what each keeps for the system.
    assert_eq!(
        machine.occupancy_shared(caller, kernel, 2, 128),
        Ok(81 * 1024)
    );
    assert_eq!(
        machine.occupancy_shared(caller, kernel, 17, 128),
        Err(Error::InvalidValue)
    );
}

#[test]
fn kernels_tell_about_themselves() {
    let program = Program::new();
    let kernel = program.kernel("add");
    let machine = program.driver.enter();
    let attribute = |code| {
        let attribute = FunctionAttribute::of_code(code).unwrap();
        machine
            .function_attribute(&program.caller, kernel, attribute)
            .unwrap()
    };
    let all: Vec<_> = (0..10).map(attribute).collect();
    assert_eq!(all, [1024, 0, 0, 0, 0, 83, 80, 0, 49_152, -1]);
    assert_eq!(FunctionAttribute::of_code(99), None);
}

#[test]
fn blocks_that_can_not_all_be_there_are_too_many() {
    let program = Program::new();
    let kernel = program.kernel("fails");
    let shape = Shape {
        grid: [2 * 108 + 1, 1, 1],
        block: [1024, 1, 1],
        dynamic_shared: 0,
    };
    let mut machine = program.driver.enter();
    let mut launch =
        |shape| machine.launch(&program.caller, StreamRef::Legacy, kernel, shape, &[], true);
    assert_eq!(launch(shape), Err(Error::CooperativeLaunchTooLarge));
    let fits = Shape {
        grid: [2, 1, 1],
        ..shape
    };
    assert_eq!(launch(fits), Ok(()));
}

#[test]
fn nothing_works_without_a_context() {
    let mut machine = Machine::new(Settings::default());
    let caller = cuda_sim_driver::Caller::default();
    assert_eq!(machine.allocate(&caller, 1), Err(Error::InvalidContext));
    assert_eq!(
        machine.module_load(&caller, KERNELS).unwrap_err().error,
        Error::InvalidContext
    );
    assert_eq!(
        machine.primary_release().unwrap_err(),
        Error::InvalidContext
    );
    assert_eq!(machine.device(1), Err(Error::InvalidDevice));
}
