/** A fault to plant: in `file`, `from` (which stands there once) becomes `to`; one of `tests` must turn red. */
export interface Mutant {
  fault: string;
  file: string;
  from: string;
  to: string;
  tests: readonly string[];
}

/** Mutants of one file, seen by the same tests. */
export const inFile =
  (file: string, tests: readonly string[]) =>
  (fault: string, from: string, to: string): Mutant => ({ fault, file, from, to, tests });
