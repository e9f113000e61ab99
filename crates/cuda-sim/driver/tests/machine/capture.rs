//! Captures and graphs: CUDA programming guide, "Creating a Graph Using
//! Stream Capture".

use cuda_sim_driver::machine::CaptureStatus;
use cuda_sim_driver::{Caller, CaptureMode, Error, EventId, ExecId, GraphId, StreamRef};

use crate::harness::Program;

/// What a program does with captures.
impl Program {
    fn begin(&self, stream: StreamRef) {
        let mut machine = self.driver.enter();
        machine
            .capture_begin(&self.caller, stream, CaptureMode::Global)
            .unwrap();
    }

    fn end(&self, stream: StreamRef) -> Result<GraphId, Error> {
        self.driver.enter().capture_end(&self.caller, stream)
    }

    fn ready(&self, graph: GraphId, flags: u64) -> ExecId {
        let mut machine = self.driver.enter();
        machine
            .graph_instantiate(&self.caller, graph, flags)
            .unwrap()
    }

    fn start(&self, exec: ExecId, stream: StreamRef) -> Result<(), Error> {
        let mut machine = self.driver.enter();
        machine.graph_launch(&self.caller, exec, stream)
    }

    fn event(&self) -> EventId {
        self.driver.enter().event_create(&self.caller, 0).unwrap()
    }

    fn record(&self, event: EventId, stream: StreamRef) -> Result<(), Error> {
        let mut machine = self.driver.enter();
        machine.event_record(&self.caller, event, stream)
    }

    fn follow(&self, stream: StreamRef, event: EventId) -> Result<(), Error> {
        let mut machine = self.driver.enter();
        machine.stream_wait_event(&self.caller, stream, event)
    }

    fn status(&self, stream: StreamRef) -> CaptureStatus {
        let mut machine = self.driver.enter();
        machine.capture_status(&self.caller, stream).unwrap()
    }
}

#[test]
fn what_is_captured_runs_at_each_launch() {
    let program = Program::new();
    let (add, x) = (program.kernel("add"), program.upload(&[1, 2]));
    let stream = program.stream();
    program.begin(stream);
    program.add(stream, add, x, 2, 10).unwrap();
    program.add(stream, add, x, 1, 100).unwrap();
    assert_eq!(program.status(stream), CaptureStatus::Active);
    let graph = program.end(stream).unwrap();
    assert_eq!(program.status(stream), CaptureStatus::None);
    assert_eq!(program.driver.enter().graph_nodes(graph), Ok(2));
    assert_eq!(program.download(x, 2).unwrap(), [1, 2], "nothing ran yet");
    let exec = program.ready(graph, 0);
    program
        .driver
        .enter()
        .graph_destroy(&program.caller, graph)
        .unwrap();
    for _ in 0..3 {
        program.start(exec, stream).unwrap();
    }
    program.synchronize(stream).unwrap();
    assert_eq!(program.download(x, 2).unwrap(), [331, 32]);
    let caller = &program.caller;
    let mut machine = program.driver.enter();
    machine.graph_exec_destroy(caller, exec).unwrap();
    assert_eq!(
        machine.graph_launch(caller, exec, stream),
        Err(Error::InvalidHandle)
    );
    assert_eq!(
        machine.graph_destroy(caller, graph),
        Err(Error::InvalidHandle)
    );
}

#[test]
fn streams_join_by_events_and_must_come_back() {
    let program = Program::new();
    let (add, x) = (program.kernel("add"), program.upload(&[0]));
    let (main, side) = (program.stream(), program.stream());
    let (fork, join) = (program.event(), program.event());
    for comes_back in [false, true] {
        program.begin(main);
        program.add(main, add, x, 1, 1).unwrap();
        program.record(fork, main).unwrap();
        program.follow(side, fork).unwrap();
        assert_eq!(program.status(side), CaptureStatus::Active);
        program.add(side, add, x, 1, 2).unwrap();
        if comes_back {
            program.record(join, side).unwrap();
            program.follow(main, join).unwrap();
        }
        let graph = program.end(main);
        assert_eq!(program.status(side), CaptureStatus::None);
        if comes_back {
            let exec = program.ready(graph.unwrap(), 0);
            program.start(exec, main).unwrap();
            program.synchronize(main).unwrap();
            assert_eq!(program.download(x, 1).unwrap(), [3]);
        } else {
            assert_eq!(graph, Err(Error::StreamCaptureUnjoined));
        }
    }
}

/// A call and what it answers.
type Look<'a> = (Error, &'a dyn Fn() -> Result<(), Error>);

#[test]
fn a_capture_can_not_be_looked_at() {
    let program = Program::new();
    let caller = &program.caller;
    let stream = program.stream();
    let event = program.event();
    let looks: [Look<'_>; 6] = [
        (Error::StreamCaptureUnsupported, &|| {
            program.driver.enter().stream_query(caller, stream)
        }),
        (Error::StreamCaptureUnsupported, &|| {
            program.synchronize(stream)
        }),
        (Error::StreamCaptureUnsupported, &|| {
            let mut machine = program.driver.enter();
            machine.context_synchronize(caller).map(|_| ())
        }),
        (Error::CapturedEvent, &|| {
            program.record(event, stream)?;
            program.driver.enter().event_query(caller, event)
        }),
        (Error::CapturedEvent, &|| {
            program.record(event, stream)?;
            let mut machine = program.driver.enter();
            machine.event_synchronize(caller, event).map(|_| ())
        }),
        // A call that the capture would not see.
        (Error::StreamCaptureUnsupported, &|| {
            program.driver.enter().allocate(caller, 8).map(|_| ())
        }),
    ];
    for (number, (error, look)) in looks.iter().enumerate() {
        program.begin(stream);
        assert_eq!(look(), Err(*error), "{number}");
        assert_eq!(program.status(stream), CaptureStatus::Invalidated);
        assert_eq!(
            program.record(event, stream),
            Err(Error::StreamCaptureInvalidated)
        );
        assert_eq!(program.end(stream), Err(Error::StreamCaptureInvalidated));
        assert_eq!(program.status(stream), CaptureStatus::None);
    }
}

#[test]
fn dependencies_do_not_cross_a_capture() {
    let program = Program::new();
    let caller = &program.caller;
    let (one, two) = (program.stream(), program.stream());
    let (before, inside) = (program.event(), program.event());
    program.record(before, one).unwrap();
    program.begin(one);
    assert_eq!(
        program.follow(one, before),
        Err(Error::StreamCaptureIsolation)
    );
    assert_eq!(program.end(one), Err(Error::StreamCaptureInvalidated));

    program.begin(one);
    program.begin(two);
    program.record(inside, one).unwrap();
    assert_eq!(program.follow(two, inside), Err(Error::StreamCaptureMerge));
    assert_eq!(program.end(one), Err(Error::StreamCaptureInvalidated));
    assert_eq!(program.end(two), Err(Error::StreamCaptureInvalidated));
    // An event of a capture that is over is of no use outside.
    assert_eq!(program.follow(two, inside), Err(Error::CapturedEvent));

    let begin = |stream| {
        let mut machine = program.driver.enter();
        machine.capture_begin(caller, stream, CaptureMode::Relaxed)
    };
    assert_eq!(
        begin(StreamRef::Legacy),
        Err(Error::StreamCaptureUnsupported)
    );
    assert_eq!(program.end(one), Err(Error::IllegalState));
    let made = program.driver.enter().stream_create(caller, true, 0);
    let blocking = StreamRef::Created(made.unwrap());
    begin(blocking).unwrap();
    assert_eq!(begin(blocking), Err(Error::IllegalState));
    let call = program.record(before, StreamRef::Legacy);
    assert_eq!(call, Err(Error::StreamCaptureImplicit));
    assert_eq!(program.end(blocking), Err(Error::StreamCaptureInvalidated));
}

#[test]
fn modes_say_which_threads_are_forbidden_what() {
    let program = Program::new();
    let mut other = Caller::default();
    other.set_current(program.caller.current());
    let stream = program.stream();
    // Mode of the capture; may this thread allocate; may another one.
    for (mode, here, there) in [
        (CaptureMode::Global, false, false),
        (CaptureMode::ThreadLocal, false, true),
        (CaptureMode::Relaxed, true, true),
    ] {
        for (caller, allowed) in [(&program.caller, here), (&other, there)] {
            let mut machine = program.driver.enter();
            machine
                .capture_begin(&program.caller, stream, mode)
                .unwrap();
            let allocated = machine.allocate(caller, 8);
            assert_eq!(allocated.is_ok(), allowed, "{mode:?}");
            let wrong = machine.capture_end(&other, stream);
            if mode != CaptureMode::Relaxed {
                assert_eq!(wrong, Err(Error::StreamCaptureWrongThread));
                let ended = machine.capture_end(&program.caller, stream);
                assert_eq!(ended.is_ok(), allowed);
            }
        }
    }
    // A thread may say of itself that it knows what it does.
    other.exchange_mode(CaptureMode::Relaxed);
    program.begin(stream);
    let allocated = program.driver.enter().allocate(&other, 8);
    assert!(allocated.is_ok());
    assert!(program.end(stream).is_ok());
}

#[test]
fn graphs_take_and_free_memory() {
    let program = Program::new();
    let caller = &program.caller;
    let add = program.kernel("add");
    let stream = program.stream();
    let captured = |frees: bool| {
        program.begin(stream);
        let mut machine = program.driver.enter();
        let x = machine.allocate_async(caller, stream, 8, None).unwrap();
        machine.fill_async(caller, stream, x, &[0], 8).unwrap();
        drop(machine);
        program.add(stream, add, x, 2, 7).unwrap();
        if frees {
            program
                .driver
                .enter()
                .free_async(caller, x, stream)
                .unwrap();
        }
        (x, program.end(stream).unwrap())
    };
    let (_, frees) = captured(true);
    let exec = program.ready(frees, 0);
    program.start(exec, stream).unwrap();
    program.start(exec, stream).unwrap();
    program.synchronize(stream).unwrap();

    let (x, keeps) = captured(false);
    let exec = program.ready(keeps, 0);
    program.start(exec, stream).unwrap();
    program.synchronize(stream).unwrap();
    assert_eq!(program.download(x, 2).unwrap(), [7, 7]);
    // It can't be taken twice; but it can be freed first, by either.
    assert_eq!(program.start(exec, stream), Err(Error::InvalidValue));
    let auto = program.ready(keeps, 1);
    program.start(auto, stream).unwrap();
    program
        .driver
        .enter()
        .free_async(caller, x, stream)
        .unwrap();
    program.start(exec, stream).unwrap();
    let wait = program.driver.enter().free(caller, x).unwrap();
    program.wait(wait).unwrap();
    let (free, all) = program.driver.enter().memory_info(caller).unwrap();
    // The module's variable is all that is left.
    assert_eq!(all - free, 4);
    assert!(program.codes().is_empty());
}

#[test]
fn flags_that_do_not_go_together_are_refused() {
    let program = Program::new();
    let caller = &program.caller;
    let stream = program.stream();
    program.begin(stream);
    let graph = program.end(stream).unwrap();
    for (flags, expected) in [
        (0, Ok(())),
        (1 | 8, Ok(())),
        (1 | 4, Err(Error::InvalidValue)),
        (4, Err(Error::NotSupported)),
        (16, Err(Error::InvalidValue)),
    ] {
        let mut machine = program.driver.enter();
        let made = machine.graph_instantiate(caller, graph, flags);
        assert_eq!(made.map(|_| ()), expected, "{flags}");
    }
}

#[test]
fn a_graph_can_be_part_of_another() {
    let program = Program::new();
    let (add, x) = (program.kernel("add"), program.upload(&[0]));
    let stream = program.stream();
    program.begin(stream);
    program.add(stream, add, x, 1, 1).unwrap();
    let graph = program.end(stream).unwrap();
    let inner = program.ready(graph, 0);
    program.begin(stream);
    program.start(inner, stream).unwrap();
    program.add(stream, add, x, 1, 10).unwrap();
    program.start(inner, stream).unwrap();
    let graph = program.end(stream).unwrap();
    assert_eq!(program.driver.enter().graph_nodes(graph), Ok(3));
    let outer = program.ready(graph, 0);
    program.start(outer, stream).unwrap();
    program.synchronize(stream).unwrap();
    assert_eq!(program.download(x, 1).unwrap(), [12]);
}
