//! Memory: what is free, whose it is, and when.

use cuda_sim_driver::machine::{CopyEnd, PoolAttribute, Transfer};
use cuda_sim_driver::{Error, Found, StreamRef};

use crate::harness::Program;
use crate::program::Memory;

#[test]
fn bytes_are_counted() {
    let program = Program::new();
    let caller = &program.caller;
    let mut machine = program.driver.enter();
    let (all, total) = machine.memory_info(caller).unwrap();
    assert_eq!((all, total), (1 << 24, 1 << 24));
    let x = machine.allocate(caller, 1000).unwrap();
    assert_eq!(machine.memory_info(caller).unwrap().0, all - 1000);
    assert_eq!(machine.allocate(caller, all), Err(Error::OutOfMemory));
    assert_eq!(machine.allocate(caller, 0), Err(Error::InvalidValue));
    let wait = machine.free(caller, x).unwrap();
    drop(machine);
    program.wait(wait).unwrap();
    let mut machine = program.driver.enter();
    assert_eq!(machine.memory_info(caller).unwrap().0, all);
    assert_eq!(machine.free(caller, x).unwrap_err(), Error::InvalidValue);
    assert!(machine.free(caller, 0).unwrap().is_none());
}

#[test]
fn copies_keep_to_allocations() {
    let program = Program::new();
    let x = program.upload(&[1, 2, 3]);
    assert_eq!(program.download(x + 4, 2).unwrap(), [2, 3]);
    assert_eq!(program.download(x + 4, 3), Err(Error::InvalidValue));
    assert_eq!(program.download(x + 12, 1), Err(Error::InvalidValue));
    assert_eq!(program.download(64, 1), Err(Error::InvalidValue));
    // What is refused does no harm.
    assert_eq!(program.download(x, 3).unwrap(), [1, 2, 3]);
}

#[test]
fn memory_of_the_program_is_read_at_once_and_written_before_the_call_is_over() {
    let program = Program::new();
    let caller = &program.caller;
    let stream = program.stream();
    let x = program.upload(&[0, 0]);
    let source = Memory::of(&[7, 8]);
    let gate = program.hold(stream);
    let copy = Transfer {
        from: source.end(),
        to: CopyEnd::Device(x),
        bytes: 8,
    };
    let wait = program.driver.enter().copy_async(caller, stream, &copy);
    assert!(wait.unwrap().is_none());
    source.0.lock().unwrap().fill(0);
    let target = Memory::of(&[0, 0]);
    let copy = Transfer {
        from: CopyEnd::Device(x),
        to: target.end(),
        bytes: 8,
    };
    let wait = program.driver.enter().copy_async(caller, stream, &copy);
    gate.send(()).unwrap();
    program.wait(wait.unwrap()).unwrap();
    assert_eq!(target.words(), [7, 8]);
}

#[test]
fn fills_repeat_their_pattern() {
    let program = Program::new();
    let caller = &program.caller;
    let x = program.upload(&[0; 3]);
    let pattern = 0x1234_5678_u32.to_le_bytes();
    let mut machine = program.driver.enter();
    let fill = machine.fill_async(caller, StreamRef::Legacy, x + 4, &pattern, 8);
    assert_eq!(fill, Ok(()));
    let fill = machine.fill_async(caller, StreamRef::Legacy, x + 2, &pattern, 4);
    assert_eq!(fill, Err(Error::InvalidValue));
    drop(machine);
    assert_eq!(
        program.download(x, 3).unwrap(),
        [0, 0x1234_5678, 0x1234_5678]
    );
}

#[test]
fn memory_that_is_shared_has_one_address() {
    let program = Program::new();
    let caller = &program.caller;
    let mut machine = program.driver.enter();
    let pinned = machine.allocate_host(caller, 8, 0).unwrap();
    let managed = machine.allocate_managed(caller, 8, 1).unwrap();
    assert!(machine.span(pinned).unwrap().pinned);
    assert!(machine.span(managed + 7).unwrap().managed);
    assert_eq!(
        machine.free(caller, pinned).unwrap_err(),
        Error::InvalidValue
    );
    assert_eq!(
        machine.free_host(caller, managed).unwrap_err(),
        Error::InvalidValue
    );
    drop(machine);
    // A kernel reads what nobody but the host may have written.
    let add = program.kernel("add");
    program.add(StreamRef::Legacy, add, managed, 2, 5).unwrap();
    // The host's address is the device's: the copy needs no other memory.
    let copy = Transfer {
        from: CopyEnd::Host(managed, std::sync::Arc::new(Memory::default())),
        to: CopyEnd::Device(pinned),
        bytes: 8,
    };
    let wait = program.driver.enter().copy(caller, &copy).unwrap();
    program.wait(wait).unwrap();
    assert_eq!(program.download(pinned, 2).unwrap(), [5, 5]);
    assert!(program.codes().is_empty());
}

#[test]
fn streams_free_in_their_order() {
    let program = Program::new();
    let caller = &program.caller;
    let stream = program.stream();
    let mut machine = program.driver.enter();
    let x = machine.allocate_async(caller, stream, 8, None).unwrap();
    machine.fill_async(caller, stream, x, &[1], 8).unwrap();
    machine.free_async(caller, x, stream).unwrap();
    assert_eq!(
        machine.free_async(caller, x, stream),
        Err(Error::InvalidValue)
    );
    let refused = machine.fill_async(caller, stream, x, &[1], 8);
    assert_eq!(refused, Err(Error::InvalidValue));
    drop(machine);
    program.synchronize(stream).unwrap();
    assert!(program.codes().is_empty());
}

#[test]
fn a_kernel_behind_the_release_finds_nothing_there() {
    let program = Program::new();
    let caller = &program.caller;
    let stream = program.stream();
    let add = program.kernel("add");
    let mut machine = program.driver.enter();
    let x = machine.allocate_async(caller, stream, 8, None).unwrap();
    machine.fill_async(caller, stream, x, &[1], 8).unwrap();
    drop(machine);
    program.add(stream, add, x, 2, 1).unwrap();
    program
        .driver
        .enter()
        .free_async(caller, x, stream)
        .unwrap();
    program.add(stream, add, x, 2, 1).unwrap();
    assert_eq!(program.synchronize(stream), Err(Error::IllegalAddress));
    assert_eq!(program.codes(), ["use-after-free"]);
}

#[test]
fn pools_know_what_they_have() {
    let program = Program::new();
    let caller = &program.caller;
    let stream = program.stream();
    let mut machine = program.driver.enter();
    let pool = machine.pool_create();
    let bytes = |machine: &mut cuda_sim_driver::Machine, number| match machine
        .pool_attribute(pool, number)
        .unwrap()
    {
        PoolAttribute::Bytes(bytes) => bytes,
        PoolAttribute::Int(_) => unreachable!("a number of bytes"),
    };
    let x = machine.allocate_async(caller, stream, 100, Some(pool));
    let x = x.unwrap();
    let y = machine.allocate_async(caller, stream, 50, Some(pool));
    assert_eq!(bytes(&mut machine, 7), 150);
    machine.free_async(caller, x, stream).unwrap();
    drop(machine);
    program.synchronize(stream).unwrap();
    let mut machine = program.driver.enter();
    // Used now and at most, reserved now and at most.
    let all: Vec<_> = [7, 8, 5, 6]
        .map(|number| bytes(&mut machine, number))
        .into();
    assert_eq!(all, [50, 150, 50, 150]);
    let high = machine.pool_set_attribute(pool, 8, PoolAttribute::Bytes(0));
    assert_eq!(high, Ok(()));
    assert_eq!(bytes(&mut machine, 8), 50);
    assert_eq!(
        machine.pool_set_attribute(pool, 7, PoolAttribute::Bytes(0)),
        Err(Error::InvalidValue)
    );
    machine.pool_set_current(pool).unwrap();
    machine.pool_destroy(pool).unwrap();
    assert_eq!(machine.pool_current(), machine.pool_default());
    let gone = machine.allocate_async(caller, stream, 8, Some(pool));
    assert_eq!(gone, Err(Error::InvalidValue));
    // What came from it is still there.
    assert_eq!(machine.free_async(caller, y.unwrap(), stream), Ok(()));
}

#[test]
fn what_is_never_freed_is_a_finding() {
    let program = Program::new();
    let x = program.upload(&[1, 2]);
    let y = program.upload(&[3]);
    let wait = program.driver.enter().free(&program.caller, y).unwrap();
    program.wait(wait).unwrap();
    let wait = program.driver.enter().primary_release().unwrap();
    program.wait(wait).unwrap();
    assert_eq!(
        *program.kept.found.lock().unwrap(),
        [Found::Leak {
            name: "cuMemAlloc #1".to_owned(),
            address: x,
            bytes: 8,
        }]
    );
    let gone = program.driver.enter().memory_info(&program.caller);
    assert_eq!(gone, Err(Error::ContextIsDestroyed));
}
