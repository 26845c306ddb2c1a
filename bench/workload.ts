/** Numbers with a shape. */
export interface HostArray {
  readonly shape: readonly number[]
  readonly data: Float32Array<ArrayBuffer> | Int32Array<ArrayBuffer>
}

/** Arrays by name. */
export type Arrays = Readonly<Record<string, HostArray>>

/** c = op(a) op(b), where op transposes or not. a is [m, k] and b [k, n] after op. */
export interface MatmulTask {
  readonly kind: 'matmul'
  readonly m: number
  readonly k: number
  readonly n: number
  readonly transA?: boolean
  readonly transB?: boolean
}

/** A 2-D convolution with square kernel over [batch, size, size, channels], or one of its gradients, or both. */
export interface ConvTask {
  readonly kind: 'conv'
  readonly pass: 'forward' | 'input gradient' | 'weight gradient' | 'gradients'
  readonly batch: number
  readonly size: number
  readonly cin: number
  readonly cout: number
  readonly kernel: number
  readonly stride: number
  readonly padding: number
}

/** A normalisation over the last axis of [rows, columns], or over all but the last for BatchNorm. */
export interface NormTask {
  readonly kind: 'norm'
  readonly op: 'layerNorm' | 'batchNorm' | 'softmax'
  readonly pass: 'forward' | 'gradients'
  readonly rows: number
  readonly columns: number
}

/** softmax(q kᵀ / √dim) v over [batch, heads, sequence, dim]. */
export interface AttentionTask {
  readonly kind: 'attention'
  readonly pass: 'forward' | 'gradients'
  readonly batch: number
  readonly heads: number
  readonly sequence: number
  readonly dim: number
}

/** Models of the training steps. */
export type ModelName = 'mlp' | 'cnn' | 'lstm' | 'gru' | 'block' | 'resnet18' | 'bert'

/** One training step with Adam: forward, backward, update. */
export interface StepTask {
  readonly kind: 'step'
  readonly model: ModelName
  readonly batch: number
  /** Time steps or tokens, of the models that have them. */
  readonly sequence?: number
  /** Width of the hidden state, of the recurrent models. */
  readonly hidden?: number
  /** Features of an input of the recurrent models; as many as the hidden state has unless given. */
  readonly inputs?: number
  /** Steps whose losses are compared with the reference before the timing. */
  readonly checked: number
}

/** A published model in evaluation, from inputs to results. */
export interface InferTask {
  readonly kind: 'infer'
  readonly model: 'resnet50' | 'bert'
  readonly batch: number
  /** Pixels of a side, or tokens. */
  readonly size: number
  /** Of BERT, instead of all twelve. */
  readonly layers?: number
}

/** Tasks that are one operation or its gradients. */
export type OpTask = MatmulTask | ConvTask | NormTask | AttentionTask

/** What one workload computes, as plain data that can be sent to a page. */
export type Task = OpTask | StepTask | InferTask

/** A task in a suite. */
export interface Workload {
  readonly suite: string
  readonly name: string
  readonly task: Task
  /** Floating-point operations of the useful work. */
  readonly flops: number
  /** Bytes that must be read and written once at least. */
  readonly bytes: number
}

/** A task that a contestant has set up. */
export interface Running {
  /** Queues the work once; a promise is awaited before the next. */
  run(): void | Promise<void>
  /** Resolves when all work that was queued is done. */
  wait(): Promise<void>
  /** What the latest run gave, in the order and layout of the reference. */
  read(): Promise<Readonly<Record<string, ArrayLike<number>>>>
  /** The trained parameters by name, in PyTorch's layout. Of training steps only. */
  parameters?(): Promise<Readonly<Record<string, ArrayLike<number>>>>
  /** One more run, with a time for each dispatch. Of engines that can tell. */
  kernels?(): Promise<readonly DispatchTime[]>
  close(): void
}

/** A dispatch that was timed by the engine's own profiler. */
export interface DispatchTime {
  /** The op and its shader. */
  readonly name: string
  readonly ms: number
  readonly flops: number
  readonly bytes: number
}

/** An engine that is open on a device. */
export interface Contestant {
  readonly device: GPUDevice
  /** Sets up a task; throws {@link NotOffered} where the engine has no such thing. */
  make(task: Task): Promise<Running>
}

/** Says that an engine does not have what a task needs. */
export class NotOffered extends Error {
  override readonly name = 'NotOffered'
}

/** Opens a contestant. */
export type OpenContestant = (gpu: GPU) => Promise<Contestant>
