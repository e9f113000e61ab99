//! The C++ between a runner that knows no types and a candidate's kernels.
//!
//! For the i-th kernel of a plan it defines
//! `extern "C" void alphalab_entry_<i>(int part, int parts, const unsigned long long *slot)`,
//! which unpacks one 8-byte slot per argument and calls the kernel. Whether the
//! kernel's parameters agree with the plan is checked at compile time, by
//! templates over the kernel's own type, so that a mismatch is one readable
//! message that names kernel, argument and both types. Kernels and checks share a
//! translation unit: the compiler inlines the kernel into its entry.
//!
//! The text includes nothing; `#line` makes errors in the candidate name
//! `kernel.cpp` and errors about a kernel's parameters name the plan's line.

use std::fmt::Write as _;

use super::bound::{ArgType, BoundPlan, KernelSignature};
use super::dtype::Dtype;

/// The name under which the i-th kernel of a plan is exported.
pub fn entry_symbol(kernel: usize) -> String {
    format!("alphalab_entry_{kernel}")
}

/// The translation unit to compile: the candidate's source and the entries of its kernels.
pub fn trampoline(plan: &BoundPlan, kernel_source: &str) -> String {
    format!("#line 1 \"kernel.cpp\"\n{kernel_source}\n{}", entries(plan))
}

/// The entries of a plan's kernels, to stand behind the candidate's source.
pub fn entries(plan: &BoundPlan) -> String {
    let mut text = String::with_capacity(PRELUDE.len() + 1024 * plan.kernels.len());
    text.push_str("#line 1 \"entry.cpp\"\n");
    text.push_str(PRELUDE);
    for (index, kernel) in plan.kernels.iter().enumerate() {
        entry(&mut text, index, kernel);
    }
    text
}

fn entry(text: &mut String, index: usize, kernel: &KernelSignature) {
    let KernelSignature {
        symbol,
        args,
        labels,
        line,
    } = kernel;
    let count = args.len();
    let mut put = |line: String| {
        text.push_str(&line);
        text.push('\n');
    };
    let here = format!("#line {line} \"plan.toml\"");
    put(here.clone());
    put(format!(
        "using alphalab_kernel_{index} = alphalab_entry::signature<decltype(::{symbol})>;"
    ));
    let assert = |condition: String, message: String| {
        format!(
            "{here}\nstatic_assert({condition}, \"{}\");",
            escape(&message)
        )
    };
    let function = format!("alphalab_kernel_{index}");
    put(assert(
        format!("{function}::is_function"),
        format!("kernel {symbol}: is not a function that returns void"),
    ));
    put(assert(
        format!(
            "!{function}::is_function || {function}::count == {}",
            count + 2
        ),
        format!(
            "kernel {symbol}: the plan passes {} arguments (int part, int parts and {count} from args), \
             but the function takes another number",
            count + 2
        ),
    ));
    let fits = format!("{function}::count != {} || ", count + 2);
    for (position, name) in ["part", "parts"].into_iter().enumerate() {
        put(assert(
            format!("{fits}alphalab_entry::is_integer<{function}::arg<{position}>>"),
            format!("kernel {symbol}: argument {position} must be int {name}"),
        ));
    }
    for (position, (arg, label)) in args.iter().zip(labels).enumerate() {
        let position = position + 2;
        put(assert(
            format!("{fits}{}<{function}::arg<{position}>>", check_of(*arg)),
            mismatch(symbol, position, label, *arg),
        ));
    }
    let unpacked: String = (0..count).fold(String::new(), |mut list, slot| {
        let position = slot + 2;
        // Writing to a String can't fail.
        let _ = write!(
            list,
            ", alphalab_entry::from_slot<typename S::template arg<{position}>>(slot[{slot}])"
        );
        list
    });
    put(format!(
        "extern \"C\" __attribute__((visibility(\"default\"))) void {entry}(int part, int parts, \
         const unsigned long long *slot) {{\n\
         [&]<class S>(S) {{\n\
         if constexpr (S::is_function && S::count == {total}) ::{symbol}(part, parts{unpacked});\n\
         }}({function}{{}});\n(void)part; (void)parts; (void)slot;\n}}",
        entry = entry_symbol(index),
        total = count + 2,
    ));
}

/// The predicate a parameter's type must satisfy. A kernel that only reads a writable buffer may say so.
fn check_of(arg: ArgType) -> String {
    let predicate = |dtype| match dtype {
        Dtype::F32 => "is_f32",
        Dtype::F64 => "is_f64",
        Dtype::I64 => "is_i64",
        Dtype::I32 => "is_i32",
        Dtype::U8 => "is_u8",
        Dtype::Bool => "is_bool",
    };
    match arg {
        ArgType::PtrConst(dtype) => format!(
            "alphalab_entry::reads<alphalab_entry::{}>::template ok",
            predicate(dtype)
        ),
        ArgType::PtrMut(dtype) => format!(
            "alphalab_entry::writes<alphalab_entry::{}>::template ok",
            predicate(dtype)
        ),
        ArgType::I64 => "alphalab_entry::is_integer".to_owned(),
        ArgType::F64 => "alphalab_entry::is_floating".to_owned(),
    }
}

fn mismatch(symbol: &str, position: usize, label: &str, arg: ArgType) -> String {
    let what = match arg {
        ArgType::PtrConst(dtype) => format!("is {dtype} and read-only"),
        ArgType::PtrMut(dtype) => format!("is {dtype}"),
        ArgType::I64 => "is an integer".to_owned(),
        ArgType::F64 => "is floating point".to_owned(),
    };
    let wanted = match arg {
        ArgType::PtrConst(_) | ArgType::PtrMut(_) => arg.to_string(),
        ArgType::I64 => "an integer type such as int64_t".to_owned(),
        ArgType::F64 => "double or float".to_owned(),
    };
    format!(
        "kernel {symbol}: argument {position} ({label}) {what} but the parameter is not {wanted}"
    )
}

/// Escapes for a C++ string literal; expressions are ASCII, but buffers' names need not be.
fn escape(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            if matches!(c, '"' | '\\') {
                vec!['\\', c]
            } else {
                vec![c]
            }
        })
        .collect()
}

/// Type predicates and slot conversion, without any include.
const PRELUDE: &str = r"namespace alphalab_entry {
template <class A, class B> inline constexpr bool same = false;
template <class A> inline constexpr bool same<A, A> = true;
template <class T> struct unqualified { using type = T; };
template <class T> struct unqualified<const T> { using type = T; };
template <class T> struct unqualified<volatile T> { using type = T; };
template <class T> struct unqualified<const volatile T> { using type = T; };
template <class T> struct pointee { static constexpr bool is_pointer = false; using type = void; };
template <class T> struct pointee<T *> { static constexpr bool is_pointer = true; using type = T; };
template <class T> struct pointee<T *__restrict> { static constexpr bool is_pointer = true; using type = T; };
template <class T> inline constexpr bool constant = false;
template <class T> inline constexpr bool constant<const T> = true;
template <class T> inline constexpr bool constant<const volatile T> = true;

template <class T> struct is_f32 { static constexpr bool ok = same<T, float>; };
template <class T> struct is_f64 { static constexpr bool ok = same<T, double>; };
template <class T> struct is_i64 { static constexpr bool ok = same<T, long> || same<T, long long>; };
template <class T> struct is_i32 { static constexpr bool ok = same<T, int>; };
template <class T> struct is_u8 { static constexpr bool ok = same<T, unsigned char>; };
template <class T> struct is_bool { static constexpr bool ok = same<T, unsigned char> || same<T, bool>; };
template <template <class> class Element> struct writes {
    template <class P> static constexpr bool ok = pointee<P>::is_pointer
        && Element<typename unqualified<typename pointee<P>::type>::type>::ok;
};
template <template <class> class Element> struct reads {
    template <class P> static constexpr bool ok = pointee<P>::is_pointer
        && constant<typename pointee<P>::type>
        && Element<typename unqualified<typename pointee<P>::type>::type>::ok;
};
template <class T> inline constexpr bool is_integer =
    same<T, int> || same<T, long> || same<T, long long> || same<T, unsigned> || same<T, unsigned long>
    || same<T, unsigned long long> || same<T, short> || same<T, unsigned short>;
template <class T> inline constexpr bool is_floating = same<T, float> || same<T, double>;

template <int I, class... A> struct nth { using type = void; };
template <class H, class... T> struct nth<0, H, T...> { using type = H; };
template <int I, class H, class... T> struct nth<I, H, T...> { using type = typename nth<I - 1, T...>::type; };
template <class F> struct signature {
    static constexpr bool is_function = false;
    static constexpr int count = -1;
    template <int I> using arg = void;
};
template <class... A> struct signature<void(A...)> {
    static constexpr bool is_function = true;
    static constexpr int count = sizeof...(A);
    template <int I> using arg = typename nth<I, A...>::type;
};
template <class... A> struct signature<void(A...) noexcept> : signature<void(A...)> {};

template <class P> inline P from_slot(unsigned long long slot) {
    if constexpr (pointee<P>::is_pointer) return reinterpret_cast<P>(slot);
    else if constexpr (is_floating<P>) return static_cast<P>(__builtin_bit_cast(double, slot));
    else if constexpr (is_integer<P>) return static_cast<P>(static_cast<long long>(slot));
    else return P{};
}
}
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_escaped() {
        assert_eq!(escape(r#"a"b\c"#), r#"a\"b\\c"#);
    }
}
