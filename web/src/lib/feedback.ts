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
  /** What has to be typed before it can be done. */
  typed?: string
  /** Do it; what is thrown is shown and the question stays. The key is the same for every attempt. */
  run: (idempotencyKey: string) => Promise<string | void>
}

const TOAST_MS = 6000

export const toasts = shallowReactive<Toast[]>([])
export const question = shallowRef<Question | null>(null)

let count = 0

export function toast(text: string, kind: Toast['kind'] = 'done'): void {
  const id = ++count
  toasts.push({ id, kind, text })
  // A problem stays until it is put away.
  if (kind === 'done') setTimeout(() => dismiss(id), TOAST_MS)
}

export function dismiss(id: number): void {
  const index = toasts.findIndex((one) => one.id === id)
  if (index >= 0) toasts.splice(index, 1)
}

/** Ask before something is done. */
export function ask(about: Question): void {
  question.value = about
}
