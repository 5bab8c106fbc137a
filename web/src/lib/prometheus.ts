// Figures in Prometheus' text format, as far as pages show them.

export interface Sample {
  name: string
  labels: Readonly<Record<string, string>>
  value: number
}

const LINE = /^([A-Za-z_:][\w:]*)(?:\{(.*)\})? (\S+)$/
const LABEL = /(\w+)="((?:[^"\\]|\\.)*)"/g

export class Figures {
  private readonly byName = new Map<string, Sample[]>()

  constructor(text: string) {
    for (const line of text.split('\n')) {
      const match = LINE.exec(line)
      if (match === null) continue
      const [, name = '', labels = '', value = ''] = match
      const sample = { name, labels: labelsOf(labels), value: value === '+Inf' ? Infinity : Number(value) }
      const known = this.byName.get(name)
      if (known) known.push(sample)
      else this.byName.set(name, [sample])
    }
  }

  /** All samples of a name. */
  all(name: string): readonly Sample[] {
    return this.byName.get(name) ?? []
  }

  /** The sum of the samples of a name whose labels fit; null when there are none. */
  sum(name: string, fits: (labels: Sample['labels']) => boolean = () => true): number | null {
    const found = this.all(name).filter(({ labels }) => fits(labels))
    return found.length ? found.reduce((total, { value }) => total + value, 0) : null
  }

  /** How a histogram is spread, over all its samples whose labels fit; null while nothing was measured. */
  spread(name: string, fits: (labels: Sample['labels']) => boolean = () => true): Spread | null {
    const counts = new Map<number, number>()
    for (const { labels, value } of this.all(`${name}_bucket`)) {
      if (!fits(labels)) continue
      const bound = labels['le'] === '+Inf' ? Infinity : Number(labels['le'])
      counts.set(bound, (counts.get(bound) ?? 0) + value)
    }
    const bounds = [...counts.keys()].sort((a, b) => a - b)
    const count = counts.get(Infinity) ?? 0
    if (count === 0) return null
    const within = (share: number): number => bounds.find((bound) => (counts.get(bound) ?? 0) >= share * count) ?? Infinity
    const widest = bounds.filter(Number.isFinite).at(-1) ?? 0
    return { count, half: within(0.5), most: within(0.95), widest }
  }
}

/** `half` and 95 % of the measured times, in seconds, are not longer than these bounds of the histogram. Beyond `widest` it does not tell. */
export interface Spread {
  count: number
  half: number
  most: number
  widest: number
}

function labelsOf(text: string): Record<string, string> {
  const labels: Record<string, string> = {}
  for (const [, name = '', value = ''] of text.matchAll(LABEL))
    labels[name] = value.replace(/\\(["\\n])/g, (_, what: string) => (what === 'n' ? '\n' : what))
  return labels
}

/** "≤ 50 ms", "≤ 2 s", "> 30 s". */
export function boundText(seconds: number, widest: number): string {
  const text = (value: number): string => (value < 1 ? `${Number((value * 1000).toPrecision(3))} ms` : `${value} s`)
  return Number.isFinite(seconds) ? `≤ ${text(seconds)}` : `> ${text(widest)}`
}
