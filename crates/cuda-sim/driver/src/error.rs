//! What a call answers with.
//!
//! Numbers and names are those of `CUresult` in the CUDA driver API 13.0; the
//! texts are our own. Only errors that the driver library gives, by itself or because the
//! environment asks for it, are here.

/// A `CUresult` that is no success.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u32)]
pub enum Error {
    /// An argument is not one of those that are possible.
    InvalidValue = 1,
    /// No memory left.
    OutOfMemory = 2,
    /// CuInit was not called.
    NotInitialized = 3,
    /// The driver is shutting down.
    Deinitialized = 4,
    /// There is no device.
    NoDevice = 100,
    /// No such device.
    InvalidDevice = 101,
    /// The image of the module can't be read.
    InvalidImage = 200,
    /// No context, or one that is not there.
    InvalidContext = 201,
    /// No code for this device.
    NoBinaryForGpu = 209,
    /// Memory of the device has an error that can't be corrected.
    EccUncorrectable = 214,
    /// The device has no such limit.
    UnsupportedLimit = 215,
    /// The devices can't access each other's memory.
    PeerAccessUnsupported = 217,
    /// The PTX can't be compiled.
    InvalidPtx = 218,
    /// The version of the PTX is not known.
    UnsupportedPtxVersion = 222,
    /// No such file.
    FileNotFound = 301,
    /// A call to the operating system failed.
    OperatingSystem = 304,
    /// A handle that is not valid, or not any more.
    InvalidHandle = 400,
    /// Something is not in the state that the call needs.
    IllegalState = 401,
    /// No such name.
    NotFound = 500,
    /// Work is not done yet.
    NotReady = 600,
    /// A kernel or a copy accessed memory that is not there.
    IllegalAddress = 700,
    /// The launch needs more than there is.
    LaunchOutOfResources = 701,
    /// A kernel ran too long.
    LaunchTimeout = 702,
    /// The primary context is in use.
    PrimaryContextActive = 708,
    /// The context was destroyed.
    ContextIsDestroyed = 709,
    /// An assertion in a kernel failed.
    Assert = 710,
    /// A kernel's calls went too deep.
    HardwareStackError = 714,
    /// A kernel ran an instruction that is not legal.
    IllegalInstruction = 715,
    /// A kernel accessed an address that is not a multiple of the access's width.
    MisalignedAddress = 716,
    /// A kernel went to where no code is.
    InvalidPc = 718,
    /// A kernel failed.
    LaunchFailed = 719,
    /// More blocks than can be on the device at once.
    CooperativeLaunchTooLarge = 720,
    /// This is not permitted here.
    NotPermitted = 800,
    /// This is not supported.
    NotSupported = 801,
    /// Not possible while a stream is being captured.
    StreamCaptureUnsupported = 900,
    /// The capture is void since an earlier error.
    StreamCaptureInvalidated = 901,
    /// Two captures would become one.
    StreamCaptureMerge = 902,
    /// The capture was begun in another stream.
    StreamCaptureUnmatched = 903,
    /// A stream that joined the capture was not brought back.
    StreamCaptureUnjoined = 904,
    /// The capture would depend on work outside it.
    StreamCaptureIsolation = 905,
    /// The default stream would depend on a capture.
    StreamCaptureImplicit = 906,
    /// The event was recorded in a capture.
    CapturedEvent = 907,
    /// The capture was begun by another thread.
    StreamCaptureWrongThread = 908,
    /// An internal error.
    Unknown = 999,
}

macro_rules! errors {
    ($(($variant:ident, $name:literal, $text:literal),)*) => {
        impl Error {
            /// All there are.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            const fn texts(self) -> (&'static str, &'static str) {
                match self {
                    $(Self::$variant => (
                        concat!("CUDA_ERROR_", $name, "\0"),
                        concat!($text, "\0"),
                    ),)*
                }
            }
        }
    };
}

errors! {
    (InvalidValue, "INVALID_VALUE", "an argument is not one of those that are possible"),
    (OutOfMemory, "OUT_OF_MEMORY", "no memory left"),
    (NotInitialized, "NOT_INITIALIZED", "cuInit was not called"),
    (Deinitialized, "DEINITIALIZED", "the driver is shutting down"),
    (NoDevice, "NO_DEVICE", "there is no device"),
    (InvalidDevice, "INVALID_DEVICE", "no such device"),
    (InvalidImage, "INVALID_IMAGE", "the image of the module can't be read"),
    (InvalidContext, "INVALID_CONTEXT", "no context, or one that is not there"),
    (NoBinaryForGpu, "NO_BINARY_FOR_GPU", "no code for this device"),
    (
        EccUncorrectable,
        "ECC_UNCORRECTABLE",
        "memory of the device has an error that can't be corrected"
    ),
    (UnsupportedLimit, "UNSUPPORTED_LIMIT", "the device has no such limit"),
    (
        PeerAccessUnsupported,
        "PEER_ACCESS_UNSUPPORTED",
        "the devices can't access each other's memory"
    ),
    (InvalidPtx, "INVALID_PTX", "the PTX can't be compiled"),
    (UnsupportedPtxVersion, "UNSUPPORTED_PTX_VERSION", "the version of the PTX is not known"),
    (FileNotFound, "FILE_NOT_FOUND", "no such file"),
    (OperatingSystem, "OPERATING_SYSTEM", "a call to the operating system failed"),
    (InvalidHandle, "INVALID_HANDLE", "a handle that is not valid, or not any more"),
    (IllegalState, "ILLEGAL_STATE", "something is not in the state that the call needs"),
    (NotFound, "NOT_FOUND", "no such name"),
    (NotReady, "NOT_READY", "work is not done yet"),
    (IllegalAddress, "ILLEGAL_ADDRESS", "a kernel or a copy accessed memory that is not there"),
    (LaunchOutOfResources, "LAUNCH_OUT_OF_RESOURCES", "the launch needs more than there is"),
    (LaunchTimeout, "LAUNCH_TIMEOUT", "a kernel ran too long"),
    (PrimaryContextActive, "PRIMARY_CONTEXT_ACTIVE", "the primary context is in use"),
    (ContextIsDestroyed, "CONTEXT_IS_DESTROYED", "the context was destroyed"),
    (Assert, "ASSERT", "an assertion in a kernel failed"),
    (HardwareStackError, "HARDWARE_STACK_ERROR", "a kernel's calls went too deep"),
    (IllegalInstruction, "ILLEGAL_INSTRUCTION", "a kernel ran an instruction that is not legal"),
    (
        MisalignedAddress,
        "MISALIGNED_ADDRESS",
        "a kernel accessed an address that is not a multiple of the access's width"
    ),
    (InvalidPc, "INVALID_PC", "a kernel went to where no code is"),
    (LaunchFailed, "LAUNCH_FAILED", "a kernel failed"),
    (
        CooperativeLaunchTooLarge,
        "COOPERATIVE_LAUNCH_TOO_LARGE",
        "more blocks than can be on the device at once"
    ),
    (NotPermitted, "NOT_PERMITTED", "this is not permitted here"),
    (NotSupported, "NOT_SUPPORTED", "this is not supported"),
    (
        StreamCaptureUnsupported,
        "STREAM_CAPTURE_UNSUPPORTED",
        "not possible while a stream is being captured"
    ),
    (
        StreamCaptureInvalidated,
        "STREAM_CAPTURE_INVALIDATED",
        "the capture is void since an earlier error"
    ),
    (StreamCaptureMerge, "STREAM_CAPTURE_MERGE", "two captures would become one"),
    (StreamCaptureUnmatched, "STREAM_CAPTURE_UNMATCHED", "the capture was begun in another stream"),
    (
        StreamCaptureUnjoined,
        "STREAM_CAPTURE_UNJOINED",
        "a stream that joined the capture was not brought back"
    ),
    (
        StreamCaptureIsolation,
        "STREAM_CAPTURE_ISOLATION",
        "the capture would depend on work outside it"
    ),
    (
        StreamCaptureImplicit,
        "STREAM_CAPTURE_IMPLICIT",
        "the default stream would depend on a capture"
    ),
    (CapturedEvent, "CAPTURED_EVENT", "the event was recorded in a capture"),
    (
        StreamCaptureWrongThread,
        "STREAM_CAPTURE_WRONG_THREAD",
        "the capture was begun by another thread"
    ),
    (Unknown, "UNKNOWN", "an internal error"),
}

impl Error {
    /// As a program gets it.
    pub fn code(self) -> u32 {
        self as u32
    }

    /// By its number.
    pub fn of_code(code: u32) -> Option<Self> {
        Self::ALL.iter().copied().find(|error| error.code() == code)
    }

    /// `CUDA_ERROR_…`, with a zero byte behind it.
    pub(crate) fn name_z(self) -> &'static str {
        self.texts().0
    }

    /// What it means, with a zero byte behind it.
    pub(crate) fn text_z(self) -> &'static str {
        self.texts().1
    }

    /// `CUDA_ERROR_…`
    pub fn name(self) -> &'static str {
        self.name_z().trim_end_matches('\0')
    }

    /// What it means.
    pub fn text(self) -> &'static str {
        self.text_z().trim_end_matches('\0')
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.name(), self.text())
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_found_by_their_code() {
        for error in Error::ALL {
            assert_eq!(Error::of_code(error.code()), Some(*error));
        }
        assert_eq!(
            Error::of_code(700).unwrap().to_string(),
            "CUDA_ERROR_ILLEGAL_ADDRESS: a kernel or a copy accessed memory that is not there"
        );
        assert_eq!(Error::of_code(0), None);
    }
}
