//! What goes wrong, and stays wrong.

use cuda_sim_driver::machine::Shape;
use cuda_sim_driver::{Error, EventId, Found, FunctionId, StreamId, StreamRef};

use crate::harness::Program;

#[test]
fn an_error_stays_until_the_context_is_reset() {
    let mut program = Program::new();
    let (beyond, x) = (program.kernel("beyond"), program.upload(&[1]));
    program
        .launch(StreamRef::Legacy, beyond, 1, &x.to_le_bytes())
        .unwrap();
    let stream = StreamRef::Legacy;
    assert_eq!(program.synchronize(stream), Err(Error::IllegalAddress));
    let caller = &program.caller;
    let mut machine = program.driver.enter();
    let error = Err(Error::IllegalAddress);
    assert_eq!(machine.allocate(caller, 8), error);
    assert_eq!(machine.stream_query(caller, stream), error.map(|_| ()));
    assert_eq!(
        machine.event_create(caller, 0).map(|_| ()),
        error.map(|_| ())
    );
    assert_eq!(machine.free(caller, x).map(|_| ()), error.map(|_| ()));
    let reset = machine.primary_reset();
    drop(machine);
    program.wait(reset).unwrap();
    // What it had is gone with it: a leak, and no address of it is known.
    assert_eq!(program.codes(), ["out-of-bounds", "leak"]);
    assert_eq!(program.download(x, 1), Err(Error::InvalidValue));
    let context = program.driver.enter().primary_retain();
    program.caller.set_current(Some(context));
    let (add, x) = (program.kernel("add"), program.upload(&[1]));
    program.add(stream, add, x, 1, 1).unwrap();
    assert_eq!(program.download(x, 1).unwrap(), [2]);
}

#[test]
fn work_behind_an_error_is_not_done() {
    let program = Program::new();
    let (fails, add) = (program.kernel("fails"), program.kernel("add"));
    let x = program.upload(&[1]);
    let stream = program.stream();
    let gate = program.hold(stream);
    program.launch(stream, fails, 1, &[]).unwrap();
    program.add(stream, add, x, 1, 1).unwrap();
    gate.send(()).unwrap();
    assert_eq!(program.synchronize(stream), Err(Error::LaunchFailed));
    assert_eq!(program.codes(), ["trap"]);
    let found = program.kept.found.lock().unwrap();
    assert_eq!(found[0].error(), Some(Error::LaunchFailed));
}

#[test]
fn another_context_is_not_touched_by_an_error() {
    let mut program = Program::new();
    let fails = program.kernel("fails");
    program.launch(StreamRef::Legacy, fails, 1, &[]).unwrap();
    assert_eq!(
        program.synchronize(StreamRef::Legacy),
        Err(Error::LaunchFailed)
    );
    let context = program
        .driver
        .enter()
        .context_create(&mut program.caller, 0);
    let (add, x) = (program.kernel("add"), program.upload(&[1]));
    program.add(StreamRef::Legacy, add, x, 1, 1).unwrap();
    assert_eq!(program.download(x, 1).unwrap(), [2]);
    let mut machine = program.driver.enter();
    let wait = machine.context_destroy(&mut program.caller, context);
    drop(machine);
    program.wait(wait.unwrap()).unwrap();
    assert_eq!(program.codes(), ["trap", "leak"]);
    let again = program
        .driver
        .enter()
        .context_destroy(&mut program.caller, context);
    assert_eq!(again.unwrap_err(), Error::InvalidContext);
    // The one before is current again, with its error.
    assert_eq!(
        program.driver.enter().allocate(&program.caller, 8),
        Err(Error::LaunchFailed)
    );
}

/// Two contexts do not see each other's memory.
#[test]
fn a_kernel_reaches_its_own_context_only() {
    let mut program = Program::new();
    let x = program.upload(&[1]);
    program
        .driver
        .enter()
        .context_create(&mut program.caller, 0);
    let add = program.kernel("add");
    program.add(StreamRef::Legacy, add, x, 1, 1).unwrap();
    assert_eq!(
        program.synchronize(StreamRef::Legacy),
        Err(Error::IllegalAddress)
    );
    assert!(matches!(
        &program.kept.found.lock().unwrap()[..],
        [Found::Kernel(_)]
    ));
}

#[test]
fn handles_that_are_wrong_are_refused() {
    let program = Program::new();
    let caller = &program.caller;
    let stream = program.stream();
    let StreamRef::Created(stream) = stream else {
        unreachable!("it was created");
    };
    assert_eq!(EventId::from_raw(stream.raw()), None);
    let stale = StreamId::from_raw(stream.raw() + 1000).unwrap();
    let mut machine = program.driver.enter();
    assert_eq!(
        machine.stream_query(caller, StreamRef::Created(stale)),
        Err(Error::InvalidHandle)
    );
    let function = FunctionId::from_raw(stream.raw() - (1 << 40) + 7);
    let shape = Shape {
        grid: [1; 3],
        block: [1; 3],
        dynamic_shared: 0,
    };
    let launch = machine.launch(
        caller,
        StreamRef::Legacy,
        function.unwrap(),
        shape,
        &[],
        false,
    );
    assert_eq!(launch, Err(Error::InvalidHandle));
}
