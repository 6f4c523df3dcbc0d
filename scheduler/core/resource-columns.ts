/** What nodes have of one resource, as columns of the node table. Invariant: free = allocatable − used. */
import type { ResourceColumns } from './snapshot.ts';

export class Columns implements ResourceColumns {
  allocatable: Float64Array;
  used: Float64Array;
  free: Float64Array;
  inverse: Float64Array;

  constructor(capacity: number) {
    this.allocatable = new Float64Array(capacity);
    this.used = new Float64Array(capacity);
    this.free = new Float64Array(capacity);
    this.inverse = new Float64Array(capacity);
  }

  offer(slot: number, amount: number): void {
    this.allocatable[slot] = amount;
    this.inverse[slot] = amount > 0 ? 1 / amount : 0;
    this.free[slot] = amount - this.used[slot]!;
  }

  use(slot: number, amount: number): void {
    this.used[slot]! += amount;
    this.free[slot] = this.allocatable[slot]! - this.used[slot]!;
  }

  grow(): void {
    this.allocatable = enlarged(this.allocatable);
    this.used = enlarged(this.used);
    this.free = enlarged(this.free);
    this.inverse = enlarged(this.inverse);
  }
}

export function enlarged<Column extends Uint8Array | Int32Array | Float64Array>(column: Column): Column {
  const larger = new (column.constructor as new (length: number) => Column)(column.length * 2);
  larger.set(column);
  return larger;
}
