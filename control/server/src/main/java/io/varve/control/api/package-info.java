/**
 * The gRPC services on a node's management address: Management for people, Truth for data nodes, NodeControl for what only the node
 * concerned can do. Handlers run on the server's event loop and only translate; the local copy of the truth is read on worker
 * threads, and changes are decided by the metadata group.
 */
@NullMarked
package io.varve.control.api;

import org.jspecify.annotations.NullMarked;
