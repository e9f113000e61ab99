//! Cholesky factors of small symmetric matrices, in rows.

/// Sum of products. Eight partial sums let the compiler use vector registers.
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; 8];
    let (a_chunks, a_rest) = a.as_chunks::<8>();
    let (b_chunks, b_rest) = b.as_chunks::<8>();
    for (x, y) in a_chunks.iter().zip(b_chunks) {
        for lane in 0..8 {
            sums[lane] += x[lane] * y[lane];
        }
    }
    let rest: f64 = a_rest.iter().zip(b_rest).map(|(x, y)| x * y).sum();
    sums.iter().sum::<f64>() + rest
}

/// Lower triangular `L` with `L·Lᵀ = A`.
#[derive(Clone, Debug)]
pub(crate) struct Cholesky {
    n: usize,
    rows: Vec<f64>,
}

impl Cholesky {
    /// Of an `n × n` matrix, of which the lower triangle is read; none if it
    /// is not positive definite.
    pub(crate) fn of(mut a: Vec<f64>, n: usize) -> Option<Self> {
        for i in 0..n {
            let (above, row) = a.split_at_mut(i * n);
            for j in 0..i {
                let other = &above[j * n..=j * n + j];
                row[j] = (row[j] - dot(&row[..j], &other[..j])) / other[j];
            }
            let square = row[i] - dot(&row[..i], &row[..i]);
            if !(square.is_finite() && square > 0.0) {
                return None;
            }
            row[i] = square.sqrt();
        }
        Some(Self { n, rows: a })
    }

    fn row(&self, i: usize) -> &[f64] {
        &self.rows[i * self.n..=i * self.n + i]
    }

    /// Solves `L·x = b` in place.
    pub(crate) fn forward(&self, b: &mut [f64]) {
        for i in 0..self.n {
            let row = self.row(i);
            b[i] = (b[i] - dot(&row[..i], &b[..i])) / row[i];
        }
    }

    /// Solves `L·Lᵀ·x = b` in place.
    pub(crate) fn solve(&self, b: &mut [f64]) {
        self.forward(b);
        for i in (0..self.n).rev() {
            let row = self.row(i);
            b[i] /= row[i];
            let known = b[i];
            for (x, l) in b[..i].iter_mut().zip(row) {
                *x -= known * l;
            }
        }
    }

    /// Logarithm of the determinant of `A`.
    pub(crate) fn log_det(&self) -> f64 {
        2.0 * (0..self.n).map(|i| self.row(i)[i].ln()).sum::<f64>()
    }

    /// The inverse of `A`, its lower triangle.
    pub(crate) fn inverse(&self) -> Vec<f64> {
        let n = self.n;
        // Columns of L⁻¹, each as a row.
        let mut columns = vec![0.0; n * n];
        for i in 0..n {
            let column = &mut columns[i * n..(i + 1) * n];
            column[i] = 1.0 / self.row(i)[i];
            for k in i + 1..n {
                let row = self.row(k);
                column[k] = -dot(&row[i..k], &column[i..k]) / row[k];
            }
        }
        let mut inverse = vec![0.0; n * n];
        for i in 0..n {
            for j in 0..=i {
                let at = i * n;
                inverse[at + j] = dot(&columns[at + i..at + n], &columns[j * n + i..(j + 1) * n]);
            }
        }
        inverse
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A 3 × 3 example worked by hand: L = [[2,0,0],[6,1,0],[-8,5,3]].
    #[test]
    fn a_small_matrix_is_factored_solved_and_inverted() {
        let a = vec![4.0, 12.0, -16.0, 12.0, 37.0, -43.0, -16.0, -43.0, 98.0];
        let factor = Cholesky::of(a.clone(), 3).unwrap();
        assert_eq!(factor.row(2), [-8.0, 5.0, 3.0]);
        assert!((factor.log_det() - 36_f64.ln()).abs() < 1e-12);
        let mut x = vec![-20.0, -43.0, 192.0];
        factor.solve(&mut x);
        for (got, want) in x.iter().zip([1.0, 2.0, 3.0]) {
            assert!((got - want).abs() < 1e-9, "{x:?}");
        }
        let inverse = factor.inverse();
        let entry = |i: usize, j: usize| inverse[i.max(j) * 3 + i.min(j)];
        for i in 0..3 {
            for j in 0..3 {
                let product: f64 = (0..3).map(|k| a[i * 3 + k] * entry(k, j)).sum();
                assert!((product - f64::from(u8::from(i == j))).abs() < 1e-9);
            }
        }
    }

    #[test]
    fn an_indefinite_matrix_has_no_factor() {
        assert!(Cholesky::of(vec![1.0, 2.0, 2.0, 1.0], 2).is_none());
        assert!(Cholesky::of(vec![f64::NAN], 1).is_none());
    }

    #[test]
    fn products_longer_than_a_chunk_are_whole() {
        let a: Vec<f64> = (0..19).map(f64::from).collect();
        assert!((dot(&a, &a) - 2109.0).abs() < 1e-12);
    }
}
