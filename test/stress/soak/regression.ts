/** Straight line through points (least squares), with the standard error of its slope. */
export interface Line {
  readonly slope: number;
  readonly standardError: number;
}

/**
 * Fits a line through points.
 *
 * @example fitLine([0, 1, 2], [1, 3, 5]).slope; // 2
 */
export function fitLine(xs: readonly number[], ys: readonly number[]): Line {
  const count = xs.length;
  const meanX = mean(xs);
  const meanY = mean(ys);
  const spread = sum(xs.map((x) => (x - meanX) ** 2));
  const slope = sum(xs.map((x, index) => (x - meanX) * ((ys[index] ?? 0) - meanY))) / spread;
  const residuals = xs.map((x, index) => (ys[index] ?? 0) - (meanY + slope * (x - meanX)));
  const variance = sum(residuals.map((residual) => residual ** 2)) / Math.max(1, count - 2);
  return { slope, standardError: Math.sqrt(variance / spread) };
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
const mean = (values: readonly number[]): number => sum(values) / values.length;
