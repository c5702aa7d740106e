package io.varve.cli.server;

import io.varve.api.AddDiskRequest;
import io.varve.api.Device;
import io.varve.api.DeviceClass;
import io.varve.api.DiskGroup;
import io.varve.api.NodeDiagnostics;
import io.varve.api.NodeStats;
import io.varve.api.RetryDiskRequest;
import io.varve.api.RetryDiskResponse;
import io.varve.api.VerifyVolumeRequest;
import io.varve.control.api.NodeLocal;
import io.varve.control.api.RefusedException;
import io.varve.dataplane.agent.LocalGroup;
import io.varve.dataplane.main.DataPlane;
import io.varve.dataplane.main.NodeFigures;
import io.vertx.core.Context;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import io.vertx.grpc.common.GrpcStatus;
import java.util.List;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The data plane as the management API sees it: there from the process's start, answering once the data plane is. Called on
 * the API's event loop; answers on it too, although the data plane has loops of its own.
 */
final class LocalNode implements NodeLocal {
    private volatile @Nullable DataPlane dataPlane;

    /** From now on this data plane is asked. */
    void serve(DataPlane plane) {
        dataPlane = plane;
    }

    private volatile Supplier<Future<NodeDiagnostics>> diagnosis =
            () -> Future.failedFuture(new RefusedException("the node is starting; ask again in a moment"));

    /** Who gathers what this process knows of itself; also while its data plane does not answer. */
    void diagnoseBy(Supplier<Future<NodeDiagnostics>> gathering) {
        diagnosis = gathering;
    }

    @Override
    public Future<NodeDiagnostics> diagnostics() {
        return diagnosis.get();
    }

    @Override
    public Future<NodeStats> stats() {
        var plane = dataPlane;
        return plane == null ? starting() : onCallersLoop(plane.stats());
    }

    /** What the metrics are made of; fails while the data plane starts. */
    Future<NodeFigures> figures() {
        var plane = dataPlane;
        return plane == null ? starting() : onCallersLoop(plane.figures());
    }

    /** What is wrong with disk groups of this node; any thread. */
    List<String> troubles() {
        var plane = dataPlane;
        return plane == null ? List.of() : plane.troubles();
    }

    /** A device becomes a disk group of its own: a group's devices are fixed when it is made. */
    @Override
    public Future<DiskGroup> addDevice(AddDiskRequest request) {
        var plane = dataPlane;
        if (plane == null) {
            return starting();
        }
        var objection = AddedDevice.objection(request);
        if (objection.isPresent()) {
            return Future.failedFuture(new RefusedException(GrpcStatus.INVALID_ARGUMENT, objection.get()));
        }
        return onCallersLoop(plane.addGroup(NodeWiring.group(request)))
                .map(added -> describe(added, request.getNode()))
                .recover(cause -> Future.failedFuture(new RefusedException(String.valueOf(cause.getMessage()))));
    }

    @Override
    public Future<RetryDiskResponse> retryDevice(RetryDiskRequest request) {
        var plane = dataPlane;
        if (plane == null) {
            return starting();
        }
        return onCallersLoop(plane.retryGroups(request.getGroup()))
                .map(groups ->
                        RetryDiskResponse.newBuilder().addAllGroups(groups).build())
                .recover(cause -> Future.failedFuture(new RefusedException(String.valueOf(cause.getMessage()))));
    }

    private static DiskGroup describe(LocalGroup added, String node) {
        var group = DiskGroup.newBuilder()
                .setUuid(added.uuid())
                .setNode(node)
                .setName(added.name())
                .setPeerAddress(added.peerAddress());
        for (var device : added.devices()) {
            group.addDevices(Device.newBuilder()
                    .setPath(device.path())
                    .setSizeBytes(device.sizeBytes())
                    .setDeviceClass(DeviceClass.valueOf(device.deviceClass().name()))
                    .setState("OK"));
        }
        return group.build();
    }

    @Override
    public Future<Void> verify(VerifyVolumeRequest request, Progress progress) {
        var plane = dataPlane;
        if (plane == null) {
            return starting();
        }
        var reports = new VerifyReports(progress);
        return onCallersLoop(plane.verify(request.getName(), reports))
                .recover(cause -> Future.failedFuture(new RefusedException(String.valueOf(cause.getMessage()))))
                .compose(begun -> onCallersLoop(reports.ended()));
    }

    private static <T> Future<T> starting() {
        return Future.failedFuture(new RefusedException("the node is starting; ask again in a moment"));
    }

    private static <T> Future<T> onCallersLoop(Future<T> future) {
        Context context = Vertx.currentContext();
        if (context == null) {
            return future;
        }
        var promise = Promise.<T>promise();
        future.onComplete(result -> context.runOnContext(hop -> {
            if (result.succeeded()) {
                promise.complete(result.result());
            } else {
                promise.fail(result.cause());
            }
        }));
        return promise.future();
    }
}
