// A row of a table as a component of its own, so that a changed value draws its row and not the table; and only where it is seen.
import { defineComponent, h, onBeforeUnmount, onMounted, shallowRef, type PropType, type Slots, type VNode } from 'vue'

import type { Column } from '@/components/table'
import { watchSight } from '@/components/sight'

export default defineComponent({
  name: 'DataRow',
  props: {
    row: { type: Object as PropType<unknown>, required: true },
    columns: { type: Array as PropType<readonly Column<unknown>[]>, required: true },
    cells: { type: Object as PropType<Slots>, required: true },
  },
  setup(props) {
    const element = shallowRef<Element | null>(null)
    const isSeen = shallowRef(true)
    let drawn: VNode | null = null
    let forget: (() => void) | undefined
    onMounted(() => {
      if (element.value) forget = watchSight(element.value, (seen) => (isSeen.value = seen))
    })
    onBeforeUnmount(() => forget?.())
    return () => {
      // Far from what is seen, the row stays as it was and asks for nothing that changes.
      if (!isSeen.value && drawn !== null) return drawn
      drawn = h(
        'tr',
        { role: 'row', ref: element },
        props.columns.map((column) =>
          h(
            column.heading ? 'th' : 'td',
            {
              role: column.heading ? 'rowheader' : 'cell',
              ...(column.heading ? { scope: 'row' } : {}),
              class: [column.align === 'right' && 'right', column.wide && 'wide', column.bare && 'bare', column.roomy && 'roomy'],
              'data-label': column.label,
            },
            props.cells[column.key]?.({ row: props.row }) ?? column.text?.(props.row) ?? '',
          ),
        ),
      )
      return drawn
    }
  },
})
