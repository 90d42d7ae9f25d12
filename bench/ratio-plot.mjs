// A plot of ratios as SVG: one bar for each compared measure, on a logarithmic scale around 1 (as much as Kafka), green towards better, with a mark where the
// target is. Readable on light and dark pages.

const LABEL_WIDTH = 430;
const PLOT_WIDTH = 360;
const ROW_HEIGHT = 20;
const TOP = 30;
const TICKS = [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100];

/** Undefined when nothing was compared. */
export function ratioPlot(title, rows) {
  const bars = rows.flatMap((row) =>
    row.measures
      .filter(({ ratio }) => ratio > 0)
      .map((measure) => ({ label: `${row.name}: ${measure.name}`, ...measure })),
  );
  if (bars.length === 0) return undefined;
  const ratios = bars.flatMap(({ ratio, target }) => [ratio, target?.atMost ?? target?.atLeast ?? 1]);
  const lowest = Math.log10(Math.min(0.3, ...ratios) / 1.3);
  const highest = Math.log10(Math.max(3, ...ratios) * 1.3);
  const x = (ratio) => LABEL_WIDTH + ((Math.log10(ratio) - lowest) / (highest - lowest)) * PLOT_WIDTH;
  const height = TOP + bars.length * ROW_HEIGHT + 10;
  const width = LABEL_WIDTH + PLOT_WIDTH + 60;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="sans-serif" font-size="11">`,
    `<title>${escaped(title)}: Ottla / Kafka</title>`,
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    ...TICKS.filter((tick) => Math.log10(tick) > lowest && Math.log10(tick) < highest).map((tick) =>
      axis(x(tick), tick, height),
    ),
    ...bars.map((bar, index) => drawn(bar, TOP + index * ROW_HEIGHT, x)),
    '</svg>',
    '',
  ].join('\n');
}

function axis(at, tick, height) {
  const strong = tick === 1;
  return [
    `<line x1="${round(at)}" x2="${round(at)}" y1="${TOP - 6}" y2="${height - 6}" stroke="${strong ? '#444444' : '#dddddd'}"/>`,
    `<text x="${round(at)}" y="${TOP - 12}" text-anchor="middle" fill="#444444">${tick} ×</text>`,
  ].join('');
}

function drawn({ label, ratio, better, target }, y, x) {
  const good = better === 'less' ? ratio <= 1 : ratio >= 1;
  const from = Math.min(x(1), x(ratio));
  const width = Math.max(1, Math.abs(x(ratio) - x(1)));
  const asked = target?.atMost ?? target?.atLeast;
  const mark =
    asked === undefined
      ? ''
      : `<line x1="${round(x(asked))}" x2="${round(x(asked))}" y1="${y}" y2="${y + 14}" stroke="#000000" stroke-width="2"/>`;
  return [
    `<text x="${LABEL_WIDTH - 8}" y="${y + 11}" text-anchor="end" fill="#222222">${escaped(label)}</text>`,
    `<rect x="${round(from)}" y="${y + 1}" width="${round(width)}" height="12" fill="${good ? '#3a9d5d' : '#c8553d'}"/>`,
    mark,
    `<text x="${round(Math.max(x(1), x(ratio)) + 5)}" y="${y + 11}" fill="#222222">${ratio.toFixed(2)}</text>`,
  ].join('');
}

function round(value) {
  return value.toFixed(1);
}

function escaped(text) {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
