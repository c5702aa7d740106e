package io.varve.control.meta;

import io.varve.api.TruthCode;
import io.varve.api.meta.ClusterRecord;
import io.varve.api.meta.SettingRecord;
import io.varve.control.meta.MetaCommand.ChangeSettings;
import io.varve.model.EventReason;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;

/** How {@link Settings} change. */
final class SettingsRules {
    private SettingsRules() {}

    static Outcome change(MetaState state, long index, ChangeSettings command) {
        ClusterRecord cluster = state.cluster().orElseThrow();
        Map<String, String> before = Settings.stored(state.cluster());
        Map<String, String> after = new TreeMap<>(before);
        for (Map.Entry<String, String> asked : new TreeMap<>(command.values()).entrySet()) {
            switch (Settings.judge(asked.getKey(), asked.getValue())) {
                case Settings.Judged.Good(var value) -> after.put(asked.getKey(), value);
                case Settings.Judged.Bad(var reason) -> {
                    return Outcome.nobody(MetaResult.no(TruthCode.TRUTH_REFUSED, index, reason));
                }
            }
        }
        if (after.equals(before)) {
            return Outcome.nobody(MetaResult.ok(index));
        }
        ClusterRecord.Builder changed = cluster.toBuilder().clearSettings();
        after.forEach((key, value) ->
                changed.addSettings(SettingRecord.newBuilder().setKey(key).setValue(value)));
        state.putCluster(changed.build());
        String message = after.entrySet().stream()
                .filter(entry -> !entry.getValue().equals(before.get(entry.getKey())))
                .map(entry -> entry.getKey() + "=" + entry.getValue())
                .collect(Collectors.joining(" "));
        return Outcome.all(MetaResult.ok(index))
                .telling(new ClusterEvent(EventReason.SETTINGS_CHANGED, "", "", message));
    }
}
