import '../lib/closed-pipe.ts';
import { createReadStream } from 'node:fs';
import { parseArgs } from 'node:util';
import {
  dynamoDbOfEnvironment,
  type Evidence,
  exportEvidence,
  incidentEvidence,
  only,
  tableEvidence,
  Unreadable,
  verify,
} from '../lib/verify-audit.ts';

const usage = `Usage: npm run verify-audit -- --table NAME [--incident ID]
       npm run verify-audit -- FILE [--incident ID]

  --table NAME     the table to read, with your AWS credentials
  FILE             an export of the table, or what GET /incidents answered; - for standard input
  --incident ID    only this one
  --help           this text
`;

/** `npm run verify-audit`: whether every incident's timeline is as it was written. */
async function main(): Promise<number> {
  const given = read();
  if (given.help) {
    console.log(usage);
    return 0;
  }
  const { flaws, remarks, incidents, entries } = await verify(await evidence(given));
  for (const remark of remarks) console.error(remark);
  for (const flaw of flaws) console.log(flaw);
  console.log(`${incidents} incidents, ${entries} entries, ${flaws.length} flaws`);
  return flaws.length === 0 ? 0 : 1;
}

function read() {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        table: { type: 'string' },
        incident: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    });
    return { ...values, files: positionals };
  } catch (error) {
    const [line = ''] = error instanceof Error ? error.message.split('\n') : [];
    throw new Unreadable(`${line.replace(/\. To specify.*$/, '')}; see npm run verify-audit -- --help`);
  }
}

async function evidence({ table, incident, files }: ReturnType<typeof read>): Promise<Evidence> {
  const [file, ...more] = files;
  if ((table === undefined) === (file === undefined) || more.length > 0)
    throw new Unreadable('give either --table NAME or one FILE; see npm run verify-audit -- --help');
  if (table === '') throw new Unreadable('--table: must name a table');
  if (incident !== undefined && !/^inc_[0-9a-z]+$/.test(incident))
    throw new Unreadable('--incident: must be the id of an incident, inc_…');
  if (table !== undefined) {
    const progress = (items: number) => console.error(`${items} items read`);
    return incident === undefined
      ? tableEvidence(dynamoDbOfEnvironment(), table, progress)
      : incidentEvidence(dynamoDbOfEnvironment(), table, incident);
  }
  const whole = await exportEvidence(file === '-' ? 'standard input' : String(file), chunksOf(String(file)));
  return incident === undefined ? whole : only(whole, incident);
}

async function* chunksOf(file: string): AsyncIterable<Uint8Array> {
  try {
    yield* file === '-' ? process.stdin : createReadStream(file);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : 'unknown error';
    throw new Unreadable(`${file}: cannot be read (${code}); give the path of a file, or - for standard input`);
  }
}

process.exitCode = await main().catch((error) => {
  if (!(error instanceof Unreadable)) throw error;
  console.error(error.message);
  return 2;
});
