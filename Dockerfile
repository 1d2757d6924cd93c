# The same package list and the same folder of programs and libraries as for the other packages (docs/deployment.md):
#   docker build -t sarai . && docker run --rm --network host -v ./models:/models:ro sarai serve --config /models/sarai.yaml
# The host's network, because sarai listens on loopback only.
FROM debian:forky AS build
COPY scripts/packages.txt scripts/toolbox /src/scripts/
RUN apt-get update && apt-get install -y --no-install-recommends $(/src/scripts/toolbox packages build)
COPY . /src
WORKDIR /src
RUN export SARAI_TOOLBOX=host && scripts/build release sarai sarai-launcher && scripts/package tree /tree

FROM debian:stable-slim
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates espeak-ng ffmpeg poppler-utils \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --create-home --home-dir /var/lib/sarai sarai \
    && ln -s /usr/lib/sarai/bin/sarai /usr/bin/sarai
COPY --from=build /tree /usr/lib/sarai
USER sarai
WORKDIR /var/lib/sarai
VOLUME /var/lib/sarai
EXPOSE 11435
ENTRYPOINT ["sarai"]
CMD ["demo"]
