/** Scanners whose names for credentials we know. */
export type Scanner = 'github' | 'gitlab' | 'gitleaks' | 'trufflehog' | 'gitguardian';

/** One name a scanner has for a kind of credential. */
export interface Detector {
  name: string;
  /** The part of a finding that holds this kind's value, where a finding has several; absent, the finding's value. */
  part?: string;
  /** Where that part stands when the scanner names no parts: in the finding's value, or in what follows it. */
  otherwise?: 'value' | 'rest';
  /** Our identifier → the part of a finding that holds it. */
  identifiers?: Readonly<Record<string, string>>;
}

/** What scanners call a kind of credential. Two kinds may share a name: then a finding is a leak of each. */
export type Detectors = Readonly<Partial<Record<Scanner, readonly Detector[]>>>;
