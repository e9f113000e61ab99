//! How a kernel is launched on a GPU: keys of a step, and their values in numbers.
//!
//! Limits are those of every GPU since compute capability 7.5 (table "Technical
//! specifications per compute capability" of the CUDA C++ programming guide 13.0); how much
//! shared memory there is depends on the GPU, and is refused when the kernel is loaded.

use super::bound::BoundLaunch;
use super::error::{PlanError, Problem};
use super::expr::{Env, Expr};
use super::parse::{expression, limit_count};
use super::spec::{Launch, Step};
use super::toml_view::{TableView, ValueView};

/// What only a launch has.
pub(super) const KEYS: [&str; 5] = ["grid", "block", "shared", "cooperative", "cluster"];

const MOST_GRID: [i64; 3] = [(1 << 31) - 1, 65535, 65535];
const MOST_BLOCK: [i64; 3] = [1024, 1024, 64];
const MOST_THREADS: u64 = 1024;
/// Blocks of a cluster, where the kernel allows more than eight.
const MOST_CLUSTER: [i64; 3] = [16, 16, 16];
/// Bytes: compute capability 9.0 and 10.0, the most that any GPU has.
const MOST_SHARED: i64 = 227 << 10;

/// The keys of a kernel's step.
pub(super) fn parse(table: &TableView<'_>) -> Result<Launch, PlanError> {
    let shared_bytes = table.get("shared").map(expression).transpose()?;
    let cooperative = table.get("cooperative").map(ValueView::bool);
    let cluster = table.get("cluster").map(|_| sizes(table, "cluster"));
    Ok(Launch {
        grid: sizes(table, "grid")?,
        block: sizes(table, "block")?,
        shared_bytes,
        cooperative: cooperative.transpose()?.unwrap_or(false),
        cluster: cluster.transpose()?,
    })
}

/// One to three sizes; a single one may stand without brackets.
fn sizes(table: &TableView<'_>, key: &'static str) -> Result<Vec<Expr>, PlanError> {
    let value = table.require(key)?;
    if value.as_str().is_some() || value.as_int()?.is_some() {
        return Ok(vec![expression(value)?]);
    }
    let items = value.items("an array of one to three expressions")?;
    limit_count("sizes", items.len(), 3, Some(value.line), &table.place)?;
    if items.is_empty() {
        return Err(value.error(Problem::LaunchRank { key, count: 0 }));
    }
    items.iter().map(expression).collect()
}

/// Numbers of a launch, checked.
pub(super) fn bind(launch: &Launch, step: &Step, env: &Env) -> Result<BoundLaunch, PlanError> {
    let error = |problem| PlanError::new(step.line, &step.place, problem);
    let number = |key: String, expr: &Expr, least: i64, most: i64| {
        let value = expr
            .eval(env)
            .map_err(|cause| error(Problem::Expression(cause)))?;
        let fits = u32::try_from(value).ok();
        fits.filter(|_| (least..=most).contains(&value))
            .ok_or_else(|| {
                error(Problem::LaunchSize {
                    key,
                    value,
                    least,
                    most,
                })
            })
    };
    let three = |key: &str, sizes: &[Expr], most: [i64; 3]| {
        let mut all = [1; 3];
        for (at, size) in sizes.iter().enumerate() {
            all[at] = number(format!("{key}[{at}]"), size, 1, most[at])?;
        }
        Ok::<_, PlanError>(all)
    };
    let grid = three("grid", &launch.grid, MOST_GRID)?;
    let block = three("block", &launch.block, MOST_BLOCK)?;
    let threads: u64 = block.iter().map(|size| u64::from(*size)).product();
    if threads > MOST_THREADS {
        return Err(error(Problem::BlockThreads {
            block,
            threads,
            most: MOST_THREADS,
        }));
    }
    let cluster = match &launch.cluster {
        Some(sizes) => Some(three("cluster", sizes, MOST_CLUSTER)?),
        None => None,
    };
    if let Some(cluster) = cluster
        && grid
            .iter()
            .zip(cluster)
            .any(|(blocks, size)| blocks % size != 0)
    {
        return Err(error(Problem::ClusterGrid { grid, cluster }));
    }
    let shared_bytes = match &launch.shared_bytes {
        Some(bytes) => number("shared".to_owned(), bytes, 0, MOST_SHARED)?,
        None => 0,
    };
    Ok(BoundLaunch {
        grid,
        block,
        shared_bytes,
        cooperative: launch.cooperative,
        cluster,
    })
}

#[cfg(test)]
mod tests {
    use crate::plan::{
        BoundLaunch, BoundPlan, BoundStep, BufferMeta, Dtype, Limits, PlanError, Signature, Target,
        bind, parse,
    };

    /// One input and one output, `[40, 1000]`.
    fn bound(text: &str, target: Target) -> Result<BoundPlan, PlanError> {
        let meta = BufferMeta {
            dtype: Dtype::F32,
            shape: vec![40, 1000],
        };
        let signature = Signature {
            inputs: vec![meta.clone()],
            params: Vec::new(),
            outputs: vec![meta],
        };
        let parts = (target == Target::Cpu).then_some(2);
        let limits = Limits { temp_bytes: 0 };
        bind(&parse(text, target)?, &signature, parts, limits)
    }

    /// A step with these keys.
    fn step(keys: &str) -> Result<BoundLaunch, PlanError> {
        let text = format!(
            "schema = 1\n[dims]\nrows = \"in.0.shape[0]\"\nparts = 8\n[[step]]\nkernel = \"k\"\n\
             args = [\"in.0\", \"out.0\", \"parts\"]\n{keys}"
        );
        let plan = bound(&text, Target::Cuda)?;
        let BoundStep::Kernel {
            launch: Some(launch),
            ..
        } = plan.steps[0]
        else {
            panic!("a launch")
        };
        Ok(launch)
    }

    #[test]
    fn sizes_are_numbers_and_what_is_missing_is_one() {
        let launch = step(
            "grid = [\"ceil_div(in.0.numel, 256)\", \"rows\"]\nblock = 256\n\
             shared = \"4 * 256\"\ncooperative = true\ncluster = [1, 2]",
        );
        let expected = BoundLaunch {
            grid: [157, 40, 1],
            block: [256, 1, 1],
            shared_bytes: 1024,
            cooperative: true,
            cluster: Some([1, 2, 1]),
        };
        assert_eq!(launch, Ok(expected));
        assert_eq!((expected.threads(), expected.blocks()), (256, 6280));
        let launch = step("grid = [1]\nblock = [8, 8, 2]").expect("a launch");
        assert_eq!(
            (launch.block, launch.shared_bytes, launch.cooperative),
            ([8, 8, 2], 0, false)
        );
    }

    #[test]
    fn what_no_gpu_takes_is_refused() {
        for (keys, code, words) in [
            ("block = 32", "missing-key", "missing key `grid`"),
            ("grid = 1", "missing-key", "missing key `block`"),
            (
                "grid = [\"rows - 40\"]\nblock = 32",
                "launch-size",
                "`grid[0]` is 0; it must lie between 1 and 2147483647",
            ),
            (
                "grid = [1, 65536]\nblock = 32",
                "launch-size",
                "`grid[1]` is 65536",
            ),
            (
                "grid = 1\nblock = [64, 32]",
                "launch-size",
                "a block of 64×32×1 threads is 2048 threads; at most 1024 fit",
            ),
            (
                "grid = 1\nblock = [1, 1, 65]",
                "launch-size",
                "between 1 and 64",
            ),
            (
                "grid = 1\nblock = 32\nshared = 240000",
                "launch-size",
                "`shared` is 240000; it must lie between 0 and 232448",
            ),
            (
                "grid = [3, 2]\nblock = 32\ncluster = [2]",
                "launch-size",
                "a grid of 3×2×1 blocks can't be split into clusters of 2×1×1",
            ),
            ("grid = []\nblock = 32", "launch-rank", "`grid` has 0 sizes"),
            (
                "grid = [1, 1, 1, 1]\nblock = 32",
                "too-many",
                "too many sizes: 4, at most 3",
            ),
            (
                "grid = 1\nblock = 32\ncooperative = 1",
                "wrong-type",
                "expected true or false, found an integer",
            ),
            (
                "grid = 1\nblok = 32",
                "unknown-key",
                "did you mean `block`?",
            ),
            ("grid = 1\nblock = \"warp\"", "unknown-name", "`warp`"),
        ] {
            let error = step(keys).expect_err(keys);
            assert_eq!(error.kind(), code, "{error}");
            assert!(error.to_string().contains(words), "{error}");
        }
    }

    #[test]
    fn a_target_has_its_own_keys_and_dimensions() {
        let plan = |more: &str| {
            format!("schema = 1\n[[step]]\nkernel = \"k\"\nargs = [\"out.0\", \"parts\"]\n{more}")
        };
        let kind = |text: &str, target| bound(text, target).map_err(|error| error.kind());
        assert!(kind(&plan(""), Target::Cpu).is_ok());
        let cuda = plan("grid = 1\nblock = 1");
        assert_eq!(kind(&cuda, Target::Cuda), Err("unknown-name"));
        assert_eq!(kind(&cuda, Target::Cpu), Err("invalid-on-device"));
        let library = "schema = 1\n[[step]]\nlibrary = \"aten::clone\"\ninputs = [\"in.0\"]\n\
                       outputs = [\"out.0\"]\n";
        assert!(kind(library, Target::Cuda).is_ok());
        let launched = format!("{library}grid = 1\n");
        assert_eq!(kind(&launched, Target::Cuda), Err("unknown-key"));
    }
}
