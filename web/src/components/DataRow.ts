// A row of a table as a component of its own, so that a changed value draws its row and not the table.
import { defineComponent, h, type PropType, type Slots } from 'vue'

import type { Column } from '@/components/table'

export default defineComponent({
  name: 'DataRow',
  props: {
    row: { type: Object as PropType<unknown>, required: true },
    columns: { type: Array as PropType<readonly Column<unknown>[]>, required: true },
    cells: { type: Object as PropType<Slots>, required: true },
  },
  setup(props) {
    return () =>
      h(
        'tr',
        { role: 'row' },
        props.columns.map((column) =>
          h(
            column.heading ? 'th' : 'td',
            {
              role: column.heading ? 'rowheader' : 'cell',
              ...(column.heading ? { scope: 'row' } : {}),
              class: [column.align === 'right' && 'right', column.wide && 'wide', column.bare && 'bare'],
              'data-label': column.label,
            },
            props.cells[column.key]?.({ row: props.row }) ?? column.text?.(props.row) ?? '',
          ),
        ),
      )
  },
})
