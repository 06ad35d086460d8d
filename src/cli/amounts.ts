export const count = (value: number): string => Math.round(value).toLocaleString('en-US');

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const;

/** With three digits at least where there are so many: `1.23 GiB`, `456 MiB`. */
export function bytesText(bytes: number): string {
  const exponent = Math.min(UNITS.length - 1, bytes < 1 ? 0 : Math.floor(Math.log2(bytes) / 10));
  const amount = bytes / 2 ** (10 * exponent);
  const decimals = exponent === 0 || amount >= 100 ? 0 : amount >= 10 ? 1 : 2;
  return `${amount.toFixed(decimals)} ${UNITS[exponent]}`;
}
