// Which elements are in sight, or nearly: one observer for all of them.

type Listener = (seen: boolean) => void

const listeners = new WeakMap<Element, Listener>()
const observer =
  'IntersectionObserver' in window
    ? new IntersectionObserver(
        (entries) => {
          for (const entry of entries) listeners.get(entry.target)?.(entry.isIntersecting)
        },
        // Half a window ahead, so that nobody scrolls faster than it is drawn.
        { rootMargin: '50% 0px' },
      )
    : null

/** Tell whenever an element comes into sight or leaves it; return what ends that. */
export function watchSight(element: Element, listener: Listener): () => void {
  listeners.set(element, listener)
  observer?.observe(element)
  return () => {
    observer?.unobserve(element)
    listeners.delete(element)
  }
}
