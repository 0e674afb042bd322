//! Pictures made smaller by whole steps, fast.

/// Means of squares of `step` pixels; rows first, since whole rows add up fast. `luma` holds
/// `down * step` rows of `stride` bytes, of the last at least `across * step`.
pub(crate) fn reduced(
    luma: &[u8],
    stride: usize,
    across: usize,
    down: usize,
    step: usize,
) -> Vec<u8> {
    let mut pixels = Vec::with_capacity(across * down);
    let mut sums = vec![0u16; across * step];
    // Sixteen bits hold the sum of 256 rows.
    let (step, area) = (step.min(256), (step * step) as u32);
    for row in 0..down {
        sums.fill(0);
        for y in row * step..(row + 1) * step {
            for (sum, &value) in sums.iter_mut().zip(&luma[y * stride..]) {
                *sum += u16::from(value);
            }
        }
        pixels.extend(sums.chunks_exact(step).map(|cell| {
            ((cell.iter().map(|&sum| u32::from(sum)).sum::<u32>() + area / 2) / area) as u8
        }));
    }
    pixels
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_means() {
        // Rows of 5 bytes of which 4 count, the last row without its padding.
        let luma = [1, 3, 10, 10, 99, 5, 7, 10, 10, 99, 0, 0, 1, 1, 99, 0, 0, 1, 2];
        assert_eq!(reduced(&luma, 5, 2, 2, 2), [4, 10, 0, 1]);
    }
}
