import protobuf from 'protobufjs/minimal.js'
import type { Arrays } from '../workload.ts'

/** A number or list that an ONNX operator is given besides its inputs. */
export type Attribute = number | readonly number[] | { readonly float: number }

/** One operator. */
export interface OnnxNode {
  readonly op: string
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly attributes?: Readonly<Record<string, Attribute>>
  /** Of operators that are not ONNX's own. */
  readonly domain?: string
}

/** A graph of f32 tensors, and i32 ones of indices. */
export interface OnnxGraph {
  readonly nodes: readonly OnnxNode[]
  readonly inputs: Readonly<Record<string, readonly number[]>>
  readonly outputs: Readonly<Record<string, readonly number[]>>
  readonly weights: Arrays
  /** Inputs that hold i32. */
  readonly indices?: readonly string[]
}

const { Writer } = protobuf
type Message = protobuf.Writer

/** Numbers of the fields and types in onnx.proto. */
const elementTypes = { float: 1, int32: 6 } as const
const bytesType = 2
const varint = 0
const fixed32 = 5
const attributeTypes = { float: 1, int: 2, ints: 7 } as const

function tag(field: number, type: number): number {
  return (field << 3) | type
}

function nested(writer: Message, field: number, write: (inner: Message) => void): void {
  const inner = Writer.create()
  write(inner)
  writer.uint32(tag(field, bytesType)).bytes(inner.finish())
}

function text(writer: Message, field: number, value: string): void {
  writer.uint32(tag(field, bytesType)).string(value)
}

function whole(writer: Message, field: number, value: number): void {
  writer.uint32(tag(field, varint)).int64(value)
}

function writeAttribute(writer: Message, name: string, value: Attribute): void {
  text(writer, 1, name)
  if (typeof value === 'number') {
    whole(writer, 3, value)
    whole(writer, 20, attributeTypes.int)
  } else if ('float' in value) {
    writer.uint32(tag(2, fixed32)).float(value.float)
    whole(writer, 20, attributeTypes.float)
  } else {
    for (const each of value) whole(writer, 8, each)
    whole(writer, 20, attributeTypes.ints)
  }
}

function writeValue(writer: Message, name: string, shape: readonly number[], isIndex = false): void {
  text(writer, 1, name)
  nested(writer, 2, (type) =>
    nested(type, 1, (tensor) => {
      whole(tensor, 1, isIndex ? elementTypes.int32 : elementTypes.float)
      nested(tensor, 2, (dims) => {
        for (const size of shape) nested(dims, 1, (dim) => whole(dim, 1, size))
      })
    }),
  )
}

/** The graph as the bytes of an ONNX file, opset 17. */
export function onnxModel({ nodes, inputs, outputs, weights, indices = [] }: OnnxGraph): Uint8Array {
  const model = Writer.create()
  whole(model, 1, 8)
  nested(model, 7, (graph) => {
    for (const { op, inputs: from, outputs: to, attributes = {}, domain } of nodes)
      nested(graph, 1, (node) => {
        for (const name of from) text(node, 1, name)
        for (const name of to) text(node, 2, name)
        text(node, 4, op)
        for (const [name, value] of Object.entries(attributes)) nested(node, 5, (a) => writeAttribute(a, name, value))
        if (domain) text(node, 7, domain)
      })
    text(graph, 2, 'bench')
    for (const [name, { shape, data }] of Object.entries(weights))
      nested(graph, 5, (tensor) => {
        for (const size of shape) whole(tensor, 1, size)
        whole(tensor, 2, data instanceof Int32Array ? elementTypes.int32 : elementTypes.float)
        text(tensor, 8, name)
        tensor.uint32(tag(9, bytesType)).bytes(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
      })
    for (const [name, shape] of Object.entries(inputs))
      nested(graph, 11, (value) => writeValue(value, name, shape, indices.includes(name)))
    for (const [name, shape] of Object.entries(outputs)) nested(graph, 12, (value) => writeValue(value, name, shape))
  })
  nested(model, 8, (opset) => whole(opset, 2, 17))
  for (const domain of new Set(nodes.flatMap(({ domain }) => domain ?? [])))
    nested(model, 8, (opset) => {
      text(opset, 1, domain)
      whole(opset, 2, 1)
    })
  return model.finish()
}
