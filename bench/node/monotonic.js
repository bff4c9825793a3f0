// Times and sizes in the form that the harness reads.

/** Seconds on the machine's monotonic clock: comparable between processes. */
export const now = () => Number(process.hrtime.bigint()) / 1e9;

/** The most memory this process has had resident, in MiB. */
export const peakRssMb = () => process.resourceUsage().maxRSS / 1024;

/** The value of `--name` on the command line, or `otherwise`. */
export function option(name, otherwise) {
  const at = process.argv.indexOf(`--${name}`);
  if (at >= 0) return process.argv[at + 1];
  if (otherwise === undefined) throw new Error(`--${name} is missing`);
  return otherwise;
}
