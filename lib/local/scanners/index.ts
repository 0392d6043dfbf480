import { world as gitguardian } from './gitguardian.ts';
import { world as github } from './github.ts';
import { world as gitlab } from './gitlab.ts';
import { partners } from './partners.ts';
import type { ScannerWorld } from './scanner.ts';

/** Every simulated scanner, by the id of the source it sends to. */
export const scanners: Readonly<Record<string, ScannerWorld>> = { github, gitlab, gitguardian, ...partners };
