//! Order of work: CUDA driver API, "Stream synchronization behavior".

use std::sync::{Arc, Mutex};

use cuda_sim_driver::{Caller, Error, EventId, StreamRef};

use crate::harness::Program;
use crate::program::Call;

#[test]
fn work_waits_for_its_turn() {
    let program = Program::new();
    let (add, x) = (program.kernel("add"), program.upload(&[1, 2]));
    let stream = program.stream();
    let gate = program.hold(stream);
    program.add(stream, add, x, 2, 10).unwrap();
    let query = || program.driver.enter().stream_query(&program.caller, stream);
    assert_eq!(query(), Err(Error::NotReady));
    // Another stream waits for neither.
    assert_eq!(program.download(x, 2).unwrap(), [1, 2]);
    gate.send(()).unwrap();
    program.synchronize(stream).unwrap();
    assert_eq!(query(), Ok(()));
    assert_eq!(program.download(x, 2).unwrap(), [11, 12]);
}

#[test]
fn events_order_streams() {
    let program = Program::new();
    let (add, x) = (program.kernel("add"), program.upload(&[0]));
    let (first, second) = (program.stream(), program.stream());
    let caller = &program.caller;
    let event = program.driver.enter().event_create(caller, 0).unwrap();
    let query = || program.driver.enter().event_query(caller, event);
    assert_eq!(query(), Ok(()), "one that was never recorded is done");

    let gate = program.hold(first);
    program.add(first, add, x, 1, 1).unwrap();
    let mut machine = program.driver.enter();
    machine.event_record(caller, event, first).unwrap();
    machine.stream_wait_event(caller, second, event).unwrap();
    drop(machine);
    program.add(second, add, x, 1, 2).unwrap();
    assert_eq!(query(), Err(Error::NotReady));
    assert_eq!(
        program.driver.enter().stream_query(caller, second),
        Err(Error::NotReady)
    );
    // Whoever waits for an event still does when it is gone.
    program.driver.enter().event_destroy(caller, event).unwrap();
    assert_eq!(query(), Err(Error::InvalidHandle));
    gate.send(()).unwrap();
    program.synchronize(second).unwrap();
    assert_eq!(program.download(x, 1).unwrap(), [3]);
}

#[test]
fn the_default_stream_waits_for_those_that_do_not_decline() {
    let program = Program::new();
    let caller = &program.caller;
    let order = Arc::new(Mutex::new(Vec::new()));
    let note = |stream, name: &'static str| {
        let order = Arc::clone(&order);
        let call = Call(move || order.lock().unwrap().push(name));
        let mut machine = program.driver.enter();
        machine.stream_call(caller, stream, Arc::new(call)).unwrap();
    };
    let made = program.driver.enter().stream_create(caller, true, 0);
    let blocking = StreamRef::Created(made.unwrap());
    let free = program.stream();

    let gate = program.hold(blocking);
    note(blocking, "blocking");
    note(StreamRef::Legacy, "default");
    note(blocking, "behind");
    note(StreamRef::PerThread, "of the thread");
    note(free, "free");
    program.synchronize(free).unwrap();
    assert_eq!(*order.lock().unwrap(), ["free"]);
    gate.send(()).unwrap();
    program.synchronize(blocking).unwrap();
    program.synchronize(StreamRef::PerThread).unwrap();
    let order = order.lock().unwrap();
    assert_eq!(order[..3], ["free", "blocking", "default"]);
    assert_eq!(order.len(), 5);
}

#[test]
fn work_of_a_stream_that_is_gone_is_done() {
    let program = Program::new();
    let (add, x) = (program.kernel("add"), program.upload(&[1]));
    let made = program
        .driver
        .enter()
        .stream_create(&program.caller, true, 0);
    let stream = StreamRef::Created(made.unwrap());
    let gate = program.hold(stream);
    program.add(stream, add, x, 1, 5).unwrap();
    let mut machine = program.driver.enter();
    machine.stream_destroy(&program.caller, stream).unwrap();
    assert_eq!(
        machine.stream_query(&program.caller, stream),
        Err(Error::InvalidHandle)
    );
    drop(machine);
    gate.send(()).unwrap();
    // The default stream waits for it as if it were there.
    assert_eq!(program.download(x, 1).unwrap(), [6]);
}

#[test]
fn functions_of_two_streams_may_wait_for_each_other() {
    let program = Program::new();
    let (first, second) = (program.stream(), program.stream());
    let gate = program.hold(first);
    let call = Call(move || gate.send(()).unwrap());
    let mut machine = program.driver.enter();
    machine
        .stream_call(&program.caller, second, Arc::new(call))
        .unwrap();
    drop(machine);
    program.synchronize(first).unwrap();
}

#[test]
fn times_are_in_order() {
    let program = Program::new();
    let caller = &program.caller;
    let stream = program.stream();
    let event = |flags| program.driver.enter().event_create(caller, flags).unwrap();
    let record = |event| {
        let mut machine = program.driver.enter();
        machine.event_record(caller, event, stream).unwrap();
    };
    let elapsed = |start: EventId, end| {
        let mut machine = program.driver.enter();
        machine.event_elapsed(caller, start, end)
    };
    let (start, end, untimed) = (event(0), event(0), event(2));
    assert_eq!(elapsed(start, end), Err(Error::InvalidHandle));
    record(start);
    let gate = program.hold(stream);
    record(end);
    record(untimed);
    assert_eq!(elapsed(start, end), Err(Error::NotReady));
    gate.send(()).unwrap();
    program.synchronize(stream).unwrap();
    let forward = elapsed(start, end).unwrap();
    assert!(forward >= 0.0);
    assert!((elapsed(end, start).unwrap() + forward).abs() < 1e-6);
    assert_eq!(elapsed(start, untimed), Err(Error::InvalidHandle));
}

#[test]
fn every_thread_has_its_own_default_stream() {
    let program = Program::new();
    let mut other = Caller::default();
    other.set_current(program.caller.current());
    let gate = program.hold(StreamRef::PerThread);
    let mut machine = program.driver.enter();
    let mine = machine.stream_query(&program.caller, StreamRef::PerThread);
    assert_eq!(mine, Err(Error::NotReady));
    let theirs = machine.stream_query(&other, StreamRef::PerThread);
    assert_eq!(theirs, Ok(()));
    drop(machine);
    drop(gate);
}
