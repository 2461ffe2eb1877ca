/**
 * Keeps one device busy: takes batches from its queue and hands them to its engine, the next while one runs.
 *
 * An idle device never waits (unless `maxQueueDelayMs` allows it). While a batch runs, the next is handed over as late
 * as the bytes need to arrive in time: until then its places stay open to whoever comes, and to the more urgent. A device
 * that can run pictures of a small bundle side by side does so while several wait (`turn.ts`).
 */
import type { Bundle } from '../bundles/bundle.js';
import type { Residency } from '../bundles/residency.js';
import type { Engine } from '../engine/engine.js';
import { engineAway } from '../engine/engine-away.js';
import type { Img2ImgError } from '../errors.js';
import { BatchRuns } from './batch-runs.js';
import { sizesAt } from './batch-size.js';
import { BatchingQueue } from './batching-queue.js';
import { DeviceLoads } from './device-loads.js';
import { EngineAbsence } from './engine-absence.js';
import type { JobRequest } from './job.js';
import { type DeviceBundles, jobsOf, nextLoad } from './next-load.js';
import type { SchedulingObserver } from './observer.js';
import { Outlook } from './outlook.js';
import { type PendingJob, TooManyTogetherError } from './pending-job.js';
import { Speed } from './speed.js';
import { nextTurn, type TurnOptions, wantsInstances } from './turn.js';

export interface DeviceSchedulerOptions extends TurnOptions {
  agingMs: number;
  observer: SchedulingObserver;
}

export class DeviceScheduler {
  readonly engine: Engine;
  readonly residency: Residency;
  /** Of runs on the whole device. */
  readonly speed: Speed;
  readonly outlook: Outlook;
  readonly #shareSpeed = new Speed();
  readonly #options: DeviceSchedulerOptions;
  readonly #queue: BatchingQueue<PendingJob>;
  readonly #runs: BatchRuns;
  readonly #loads: DeviceLoads;
  #wakeTimer: NodeJS.Timeout | undefined;
  #wakesAt = Number.POSITIVE_INFINITY;
  readonly #absence: EngineAbsence;
  #giveAway: (job: PendingJob) => boolean = () => false;
  #closed = false;

  constructor(engine: Engine, residency: Residency, speed: Speed, options: DeviceSchedulerOptions) {
    this.engine = engine;
    this.residency = residency;
    this.speed = speed;
    this.#options = options;
    this.#queue = new BatchingQueue(options.agingMs);
    this.#runs = new BatchRuns(engine, residency, {
      speed,
      shareSpeed: this.#shareSpeed,
      observer: options.observer,
      onTryAgain: (job) => this.#queue.unshift(job),
    });
    const shared = { queue: this.#queue, runs: this.#runs, shareSpeed: this.#shareSpeed };
    this.outlook = new Outlook({ engine, residency, speed, ...shared });
    this.#loads = new DeviceLoads(residency, {
      onLoaded: () => this.#pump(),
      onFailed: (bundle, error) => {
        // Not the bundle's fault: who waits for it waits for the engine.
        if (error.code !== 'engine_unavailable') this.#refuse(bundle, error);
        this.#pump();
      },
      isAwaited: (id) =>
        jobsOf(this.#bundles(performance.now())).some(({ request }) => request.bundle.id === id),
    });
    residency.onLoadEnded(() => this.#pump());
    this.#absence = new EngineAbsence(engine, () => this.#onAway());
    engine.onRestart(() => this.#onRestart());
  }

  /** Samples waiting, not counting those handed to the engine. */
  get queued(): number {
    return this.#queue.samples;
  }

  /** Whether no job waits or runs here. */
  get isIdle(): boolean {
    return this.#queue.length === 0 && this.#runs.inFlight.length === 0;
  }

  /** @param giveAway asked for every job that cannot run here; returns whether another device took it */
  onUnable(giveAway: (job: PendingJob) => boolean): void {
    this.#giveAway = giveAway;
  }

  /** How many samples of a bundle may run together here at a size, as far as is known before its load. */
  largestBatch({ bundle, width, height }: Pick<JobRequest, 'bundle' | 'width' | 'height'>): number {
    const sizes = this.#options.warmSizes(bundle);
    return Math.max(...sizesAt(sizes, bundle.manifest.size.native, { width, height }));
  }

  submit(job: PendingJob): void {
    this.#queue.push(job);
    this.#pump();
  }

  /** The job was settled from outside: it must cost no device time any more. */
  forget(job: PendingJob): void {
    this.#queue.remove(job);
  }

  /** Has a bundle here from now on, whether a job waits for it or not: where its load fails, another one follows. */
  keep(bundle: Bundle): void {
    this.#loads.want(bundle);
    // Else when it is back.
    if (this.engine.state === 'ready') this.#loads.load(bundle);
  }

  /**
   * Loads a bundle, once: who asked is told where that fails, and may ask again.
   * @throws what `Residency.ensure` says; Img2ImgError `engine_unavailable` while the engine is away
   */
  async load(bundle: Bundle): Promise<void> {
    if (this.engine.state !== 'ready') throw engineAway(this.engine.id);
    this.#loads.load(bundle);
    return this.residency.ensure(bundle);
  }

  /** Unloads a bundle after the batches that use it; it does not come back before somebody asks for it. */
  unload(id: string): Promise<void> {
    this.#loads.forget(id);
    return this.residency.unload(id);
  }

  /**
   * Refuses those who wait for a bundle that another one has taken the place of. What runs may end; it is not tried again,
   * which would bring its bundle back.
   */
  refuseOthers(current: Bundle, error: Img2ImgError): void {
    const isOther = ({ request: { bundle } }: PendingJob): boolean =>
      bundle.id === current.id && bundle !== current;
    for (const job of [...this.#queue.jobs()].filter(isOther)) {
      this.#queue.remove(job);
      job.reject(error);
    }
    for (const job of this.#runs.inFlight.flatMap(({ jobs }) => jobs).filter(isOther)) job.replaced = error;
  }

  /** Refuses all that wait; what runs is left to the engine's own end. */
  close(error: Img2ImgError): void {
    this.#closed = true;
    clearTimeout(this.#wakeTimer);
    this.#absence.close();
    this.#loads.close();
    for (const job of [...this.#queue.jobs()]) {
      this.#queue.remove(job);
      job.reject(error);
    }
    for (const { jobs } of this.#runs.inFlight) for (const job of jobs) job.reject(error);
  }

  /** Hands over what may be handed over now, and sees to it that it is called again when more may. */
  #pump(): void {
    clearTimeout(this.#wakeTimer);
    this.#wakesAt = Number.POSITIVE_INFINITY;
    if (this.#closed || this.engine.state !== 'ready') return;
    const now = performance.now();
    const leader = this.#queue.first(now);
    if (leader === undefined) return;
    if (!this.residency.isLoaded(leader.request.bundle.id)) {
      const { bundle, inMs } = nextLoad(leader, this.#bundles(now));
      if (bundle !== undefined) this.#loads.load(bundle);
      if (inMs > 0) this.#wakeIn(inMs, now);
      // Those whose bundle is there need not wait behind those who wait for a load, nor for more than the one in the engine.
      const other = this.#queue.first(now, (job) => this.residency.isLoaded(job.request.bundle.id));
      if (other !== undefined) this.#handOver(other, now);
      return;
    }
    this.#handOver(leader, now);
  }

  #handOver(leader: PendingJob, now: number): void {
    // It may have waited for the load that showed it.
    if (leader.count > this.largestBatch(leader.request)) {
      this.#queue.remove(leader);
      leader.reject(new TooManyTogetherError());
      this.#pump();
      return;
    }
    const { engine, speed } = this;
    const shareSpeed = this.#shareSpeed;
    const device = { engine, queue: this.#queue, inFlight: this.#runs.inFlight, speed, shareSpeed, now };
    if (wantsInstances(leader, device, this.#options)) this.residency.multiply(leader.request.bundle);
    const turn = nextTurn(leader, device, this.#options);
    if (turn.waitMs > 0) {
      this.#wakeIn(turn.waitMs, now);
      return;
    }
    const { jobs, instance, share, expectedMs } = turn;
    // Behind a load it could not go elsewhere any more, and would count as running when the load kills the engine. It goes
    // first when that has ended (`onLoadEnded`).
    if (instance === 0 && this.residency.inEngine() !== undefined) return;
    this.#queue.take(jobs, now);
    const landed = this.#runs.run({ jobs, instance, share, startedAt: now, expectedMs }, turn.runSize);
    void landed.then(() => this.#pump());
    this.#pump();
  }

  /** Pumps again then, or earlier. */
  #wakeIn(milliseconds: number, now: number): void {
    if (now + milliseconds >= this.#wakesAt) return;
    clearTimeout(this.#wakeTimer);
    this.#wakesAt = now + milliseconds;
    this.#wakeTimer = setTimeout(() => this.#pump(), milliseconds);
  }

  #bundles(now: number): DeviceBundles {
    return { residency: this.residency, queue: this.#queue, inFlight: this.#runs.inFlight, now };
  }

  /** The bundle cannot be loaded: here, that is, not on every device. */
  #refuse(bundle: Bundle, error: Error): void {
    for (const job of [...this.#queue.jobs()]) {
      if (job.request.bundle.id !== bundle.id) continue;
      this.#queue.remove(job);
      job.refusedBy.add(this.engine.id);
      if (!this.#giveAway(job)) job.reject(error);
    }
  }

  #onAway(): void {
    // To devices that are there, as far as they take them.
    for (const job of [...this.#queue.jobs()]) {
      if (this.#giveAway(job)) this.#queue.remove(job);
    }
    this.residency.endLoads();
  }

  #onRestart(): void {
    // What was resident when it died is wanted again, asked for or not.
    for (const bundle of this.residency.reset()) this.#loads.want(bundle);
    this.#options.observer.engineRestarted(this.engine.id);
    if (!this.#closed) this.#absence.begin();
    this.engine.ready().then(
      () => {
        this.#loads.loadWanted();
        this.#pump();
      },
      () => undefined,
    );
  }
}
