/** A list of records that the browser keeps for this origin: the little of IndexedDB that one needs, as promises. */

const STORE = 'records';

export class Shelf<T> {
  readonly #database: IDBDatabase;

  /** @throws DOMException where storage is switched off */
  static async open<T>(name: string): Promise<Shelf<T>> {
    const opening = indexedDB.open(name, 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore(STORE, { autoIncrement: true });
    return new Shelf<T>(await answer(opening));
  }

  private constructor(database: IDBDatabase) {
    this.#database = database;
  }

  /** What `take` makes of each record, oldest first; nothing else of them stays in memory. */
  map<R>(take: (record: T, key: IDBValidKey) => R): Promise<R[]> {
    const request = this.#records('readonly').openCursor();
    const taken: R[] = [];
    return new Promise((resolve, reject) => {
      request.onerror = () => reject(request.error);
      request.onsuccess = () => {
        const cursor = request.result;
        if (cursor === null) {
          resolve(taken);
          return;
        }
        taken.push(take(cursor.value, cursor.primaryKey));
        cursor.continue();
      };
    });
  }

  /** @returns undefined where there is none of that key any more */
  get(key: IDBValidKey): Promise<T | undefined> {
    return answer<T | undefined>(this.#records('readonly').get(key));
  }

  /**
   * Puts a record behind the others, and takes the first ones away where there are more than `most`, or no room for all.
   * @returns its key
   * @throws DOMException where there is no room for it alone
   */
  async add(record: T, most: number): Promise<IDBValidKey> {
    let keys = await answer(this.#records('readonly').getAllKeys());
    for (;;) {
      try {
        return await this.#write(record, keys.slice(0, Math.max(0, keys.length - most + 1)));
      } catch (error) {
        if (!isFull(error) || keys.length === 0) throw error;
        // In a transaction of its own: one that fails takes everything back.
        const [first] = keys;
        await answer(this.#records('readwrite').delete(first as IDBValidKey));
        keys = keys.slice(1);
      }
    }
  }

  async clear(): Promise<void> {
    await answer(this.#records('readwrite').clear());
  }

  #write(record: T, superfluous: readonly IDBValidKey[]): Promise<IDBValidKey> {
    const records = this.#records('readwrite');
    const { transaction } = records;
    for (const key of superfluous) records.delete(key);
    const adding = records.add(record);
    // That there is no room may come out only at the end.
    return new Promise((resolve, reject) => {
      transaction.oncomplete = () => resolve(adding.result);
      transaction.onabort = () => reject(transaction.error);
    });
  }

  #records(mode: IDBTransactionMode): IDBObjectStore {
    return this.#database.transaction(STORE, mode).objectStore(STORE);
  }
}

function answer<R>(request: IDBRequest<R>): Promise<R> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

function isFull(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'QuotaExceededError';
}
