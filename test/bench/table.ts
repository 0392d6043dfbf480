import type { Figures } from './run.ts';

const ms = (value: number) => `${value < 10 ? value.toFixed(1) : Math.round(value).toLocaleString('en')} ms`;
const times = (value: number) => value.toFixed(2);
const mb = (value: number) => `${Math.round(value)} MB`;
const listed = (calls: Record<string, number>) =>
  Object.entries(calls)
    .map(([call, count]) => (count === 1 ? call : `${count} ${call}`))
    .join(', ') || 'none';

/** The figures as one table in Markdown: what, ours, the least, ours ÷ the least. */
export function tableOf({ a, b, c, d, e, f }: Figures): string {
  const rows: string[][] = [];
  if (a)
    rows.push(
      ['a', 'one leak, warm: accepted → proven dead, p50', ms(a.oursMs), ms(a.floorMs), times(a.ratio)],
      ['a', '… p99', ms(a.oursP99Ms), ms(a.floorP99Ms), ''],
    );
  if (b)
    rows.push(
      ['b', 'calls: accepting an alert', listed(b.acceptWarm), '', ''],
      ['b', 'calls: ending its key', listed(b.laneWarm), '', ''],
      ['b', 'calls: a forged alert', `warm ${listed(b.forgedWarm)}; cold ${listed(b.forgedCold)}`, '', ''],
    );
  for (const { name, bytes, oursMs, bareMs, slimMs, ratio, slimRatio } of c ?? [])
    rows.push([
      'c',
      `cold start of \`${name}\`, ${Math.round(bytes / 1000)} kB`,
      ms(oursMs),
      `${ms(bareMs)}; bundled as ours ${ms(slimMs)}`,
      `${times(ratio)}; ${times(slimRatio)}`,
    ]);
  for (const { what, leaks, dead, perSecond, p50Ms, p99Ms } of d ?? [])
    rows.push([
      'd',
      `${leaks.toLocaleString('en')} leaks at once: ${what}`,
      `${Math.round(perSecond)}/s; dead after ${ms(p50Ms)} p50, ${ms(p99Ms)} p99`,
      '',
      dead === leaks ? '' : `${dead} dead`,
    ]);
  for (const { name, highMb, givenMb } of e ?? [])
    rows.push(['e', `memory of \`${name}\` at work`, mb(highMb), `${givenMb} MB given`, '']);
  for (const { name, memoryMb, bareMemoryMb, ratio: _ } of c ?? [])
    rows.push(['e', `memory of \`${name}\`, loaded`, mb(memoryMb), mb(bareMemoryMb), times(memoryMb / bareMemoryMb)]);
  for (const kind of f ? (['valid', 'forged'] as const) : []) {
    const { p50Ms, p99Ms, perSecond, cpuMs } = f?.[kind] ?? { p50Ms: 0, p99Ms: 0, perSecond: 0, cpuMs: 0 };
    const ours = `${p50Ms.toFixed(2)} ms p50, ${ms(p99Ms)} p99, ${Math.round(perSecond)}/s, ${cpuMs.toFixed(2)} ms of CPU`;
    rows.push([
      'f',
      `accepting: a ${kind} alert`,
      ours,
      '',
      kind === 'forged' && f ? `${times(f.forgedToValid)} of a valid one` : '',
    ]);
  }
  const head = [
    ['', 'figure', 'ours', 'the least', 'ours ÷ the least'],
    ['---', '---', '---', '---', '---'],
  ];
  return [...head, ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');
}
