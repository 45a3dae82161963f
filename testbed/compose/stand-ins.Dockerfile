# Stand-ins for prom/prometheus and prom/alertmanager: Debian's programs on busybox, in the real images' places, with the
# real images' user, volume, entry point and arguments.

ARG BASE
FROM ${BASE} AS debian
COPY prometheus alertmanager /programs/
COPY templates /templates
RUN mkdir -p /system/bin /system/etc /system/tmp /empty \
 && chmod 1777 /system/tmp \
 && for name in sh wget cat id touch; do ln /usr/bin/busybox /system/bin/$name 2>/dev/null || cp /usr/bin/busybox /system/bin/$name; done \
 && echo 'root:x:0:0::/:/bin/sh' > /system/etc/passwd \
 && echo 'nobody:x:65534:65534::/:/bin/false' >> /system/etc/passwd \
 && for file in $(ldd /programs/* | grep -o '/lib[^ ]*' | sort -u); do cp -L --parents "$file" /system; done

FROM scratch AS prometheus
COPY --from=debian /system /
COPY --from=debian /programs/prometheus /bin/prometheus
COPY --from=debian --chown=65534:65534 /empty /prometheus
WORKDIR /prometheus
VOLUME /prometheus
USER nobody
EXPOSE 9090
ENTRYPOINT ["/bin/prometheus"]
CMD ["--config.file=/etc/prometheus/prometheus.yml", "--storage.tsdb.path=/prometheus"]

FROM scratch AS alertmanager
COPY --from=debian /system /
COPY --from=debian /programs/alertmanager /bin/alertmanager
COPY --from=debian /templates /usr/share/prometheus/alertmanager
COPY --from=debian --chown=65534:65534 /empty /alertmanager
WORKDIR /alertmanager
VOLUME /alertmanager
USER nobody
EXPOSE 9093
ENTRYPOINT ["/bin/alertmanager"]
CMD ["--config.file=/etc/alertmanager/alertmanager.yml", "--storage.path=/alertmanager"]
