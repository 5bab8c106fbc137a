// Toasts, and questions before something is done.
import { shallowReactive, shallowRef } from 'vue'

export interface Toast {
  id: number
  kind: 'done' | 'problem'
  text: string
}

export interface Question {
  title: string
  /** What will happen, a paragraph each. */
  explains: string[]
  /** What the button says: a verb. */
  action: string
  danger?: boolean
  /** It moves real money. */
  live?: boolean
  /** What is being done meanwhile, where it can take long. */
  doing?: string
  /** What has to be typed before it can be done. */
  typed?: string
  /** Do it; what is thrown is shown and the question stays. The key is the same for every attempt. */
  run: (idempotencyKey: string) => Promise<string | void>
}

/** How long they are shown; what went wrong takes longer to read. */
const TOAST_MS = { done: 6000, problem: 20_000 } as const

export const toasts = shallowReactive<Toast[]>([])
/** The toast that is pointed at or has the focus. */
export const reading = shallowRef<number | null>(null)
export const question = shallowRef<Question | null>(null)

let count = 0

export function toast(text: string, kind: Toast['kind'] = 'done'): void {
  const id = ++count
  toasts.push({ id, kind, text })
  leave(id, TOAST_MS[kind])
}

/** Let it go after so long, unless somebody is reading it just then. */
function leave(id: number, milliseconds: number): void {
  setTimeout(() => (reading.value === id ? leave(id, TOAST_MS.done) : dismiss(id)), milliseconds)
}

export function dismiss(id: number): void {
  const index = toasts.findIndex((one) => one.id === id)
  if (index >= 0) toasts.splice(index, 1)
}

/** Ask before something is done. */
export function ask(about: Question): void {
  question.value = about
}
