// What a checker complains of.

export interface Violation {
  /** Which promise was broken: the checker's name. */
  readonly checker: string;
  readonly sentence: string;
}

/** The same complaint about a thousand records says no more than about ten. */
export const VIOLATIONS_MAX = 10;
