//! Python objects that Rust owns, and the crossing of values and exceptions.

use std::fmt;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ptr;

use pyo3::prelude::*;
use pyo3::types::{PyBool, PyFloat, PyInt, PyTuple};
use pyo3::{PyTypeInfo as _, ffi};
use tch::Tensor;

use crate::fault::PyFault;
use crate::tensor::Value;

/// An owned Python object on the interpreter's thread.
///
/// Unlike `Py`, it gives its reference back at once when dropped: a timed
/// call's output must not linger in pyo3's pool until some later attach.
pub(crate) struct Handle {
    object: ManuallyDrop<Py<PyAny>>,
    /// Keeps the handle on the thread that holds the GIL.
    thread: PhantomData<*const ()>,
}

impl Handle {
    /// Takes over a reference. The `Bound` proves that the thread holds the
    /// GIL, which the interpreter's thread never gives up.
    pub(crate) fn new(object: Bound<'_, PyAny>) -> Self {
        Self {
            object: ManuallyDrop::new(object.unbind()),
            thread: PhantomData,
        }
    }

    /// The proof that this thread holds the GIL.
    #[expect(
        clippy::unused_self,
        reason = "having a handle is what shows that this is the interpreter's thread"
    )]
    pub(crate) fn py(&self) -> Python<'_> {
        // SAFETY: a handle is made on the interpreter's thread only and can't
        // leave it; `Interp::start` leaves that thread attached for good.
        unsafe { Python::assume_attached() }
    }

    /// The object itself.
    pub(crate) fn get(&self) -> &Bound<'_, PyAny> {
        self.object.bind(self.py())
    }

    /// `self.name(*args)`; `doing` says what for.
    pub(crate) fn call<'py>(
        &'py self,
        name: &str,
        args: impl pyo3::call::PyCallArgs<'py>,
        doing: impl FnOnce() -> String,
    ) -> Result<Bound<'py, PyAny>, PyFault> {
        self.get()
            .call_method1(name, args)
            .map_err(|error| raised(self.py(), &error, doing()))
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: nobody uses the field after `drop`.
        let object = unsafe { ManuallyDrop::take(&mut self.object) };
        object.drop_ref(self.py());
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{} object>", type_name(self.get()))
    }
}

/// Turns an exception into a fault that holds no Python object.
pub(crate) fn raised(py: Python<'_>, error: &PyErr, doing: String) -> PyFault {
    let kind = error
        .get_type(py)
        .fully_qualified_name()
        .map_or_else(|_| "exception".to_owned(), |name| name.to_string());
    let message = error.value(py).str().map_or_else(
        |_| "(its text can't be read)".to_owned(),
        |text| text.to_string_lossy().into_owned(),
    );
    let traceback = py
        .import("traceback")
        .and_then(|module| {
            let parts = (error.get_type(py), error.value(py), error.traceback(py));
            module.call_method1("format_exception", parts)
        })
        .and_then(|lines| lines.extract::<Vec<String>>())
        .map(|lines| lines.concat())
        .unwrap_or_default();
    PyFault::Raised {
        kind,
        message,
        traceback,
        doing,
    }
}

/// The name of an object's type, for messages.
pub(crate) fn type_name(object: &Bound<'_, PyAny>) -> String {
    object
        .get_type()
        .name()
        .map_or_else(|_| "value".to_owned(), |name| name.to_string())
}

/// The tensor inside a `torch.Tensor`, sharing its memory; `None` for any
/// other object.
pub(crate) fn unwrap_tensor(object: &Bound<'_, PyAny>) -> Result<Option<Tensor>, PyFault> {
    // SAFETY: `object` is a live Python object and the GIL is held.
    unsafe { Tensor::pyobject_unpack(object.as_ptr().cast()) }.map_err(|source| PyFault::Torch {
        doing: "taking a tensor out of python",
        source,
    })
}

/// A `torch.Tensor` that shares the tensor's memory.
pub(crate) fn wrap_tensor<'py>(
    py: Python<'py>,
    tensor: &Tensor,
) -> Result<Bound<'py, PyAny>, PyFault> {
    const DOING: &str = "handing a tensor to python";
    let object = tensor.pyobject_wrap().map_err(|source| PyFault::Torch {
        doing: DOING,
        source,
    })?;
    // SAFETY: `pyobject_wrap` returns a new reference, or null with an
    // exception set.
    unsafe { Bound::from_owned_ptr_or_err(py, object.cast()) }
        .map_err(|error| raised(py, &error, DOING.to_owned()))
}

/// The Python argument tuple of `values`; tensors share their memory.
pub(crate) fn argument_tuple<'py>(
    py: Python<'py>,
    values: &[Value],
) -> Result<Bound<'py, PyTuple>, PyFault> {
    let items = values
        .iter()
        .map(|value| match value {
            Value::Tensor(tensor) => wrap_tensor(py, tensor),
            Value::Int(value) => Ok(PyInt::new(py, *value).into_any()),
            Value::Float(value) => Ok(PyFloat::new(py, *value).into_any()),
            Value::Bool(value) => Ok(PyBool::new(py, *value).to_owned().into_any()),
        })
        .collect::<Result<Vec<_>, _>>()?;
    PyTuple::new(py, items).map_err(|error| raised(py, &error, "building arguments".to_owned()))
}

/// The value of a Python object that is a tensor or a plain number.
pub(crate) fn value_of(
    object: &Bound<'_, PyAny>,
    what: impl Fn() -> String,
) -> Result<Value, PyFault> {
    if let Some(tensor) = unwrap_tensor(object)? {
        return Ok(Value::Tensor(tensor));
    }
    let number = if PyBool::is_exact_type_of(object) {
        object.extract().map(Value::Bool)
    } else if object.is_instance_of::<PyInt>() {
        object.extract().map(Value::Int)
    } else {
        object
            .cast::<PyFloat>()
            .map(|value| Value::Float(value.value()))
            .map_err(Into::into)
    };
    number.map_err(|_| PyFault::WrongType {
        what: what(),
        expected: "a tensor or a number",
        found: type_name(object),
    })
}

/// Calls `callable(*args)` with nothing around the call.
pub(crate) fn call_object<'py>(
    callable: &Bound<'py, PyAny>,
    args: &Bound<'py, PyTuple>,
) -> PyResult<Bound<'py, PyAny>> {
    // SAFETY: both are live objects, `args` is a tuple, and the GIL is held;
    // the result is a new reference, or null with an exception set.
    unsafe {
        let result = ffi::PyObject_Call(callable.as_ptr(), args.as_ptr(), ptr::null_mut());
        Bound::from_owned_ptr_or_err(callable.py(), result)
    }
}
