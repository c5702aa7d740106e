/**
 * What a data node does about the truth: says who it is and what disks it has, follows what concerns it, makes and deletes replicas, attaches
 * and detaches volumes. {@link io.varve.dataplane.agent.AgentPlan} decides, {@link io.varve.dataplane.agent.NodeAgent} acts. Uses
 * volume, replication, store and disk.
 */
@NullMarked
package io.varve.dataplane.agent;

import org.jspecify.annotations.NullMarked;
